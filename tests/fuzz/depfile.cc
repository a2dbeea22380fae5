// Dependency files: what is read is two lists of absolute, normal paths, each
// once, that no system call would cut short.
#include "common/compiler/depfile.h"

#include <set>

#include "tests/fuzz/input.h"

namespace {

using extfarm::ErrorCode;

void check(const extfarm::Result<std::vector<std::string>>& paths) {
  if (!paths) {
    FARM_CHECK(paths.error().code == ErrorCode::kMalformed);
    return;
  }
  std::set<std::string> seen;
  for (const auto& path : *paths) {
    FARM_CHECK(path.starts_with('/'));
    FARM_CHECK(path.find('\0') == std::string::npos && path.find("/../") == std::string::npos);
    FARM_CHECK(seen.insert(path).second);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace extfarm;
  const auto text = fuzz::text_of(data, size);
  const auto paths = parse_depfile(text, "/home/a b"), targets = parse_depfile_targets(text, "/home/a b");
  check(paths);
  check(targets);
  FARM_CHECK(paths.has_value() == targets.has_value());
  return 0;
}
