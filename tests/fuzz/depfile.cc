// Dependency files: what is read is a list of absolute, normal paths, each
// once, that no system call would cut short.
#include "common/compiler/depfile.h"

#include <set>

#include "tests/fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace extfarm;
  const auto paths = parse_depfile(fuzz::text_of(data, size), "/home/a b");
  if (!paths) {
    FARM_CHECK(paths.error().code == ErrorCode::kMalformed);
    return 0;
  }
  std::set<std::string> seen;
  for (const auto& path : *paths) {
    FARM_CHECK(path.starts_with('/'));
    FARM_CHECK(path.find('\0') == std::string::npos && path.find("/../") == std::string::npos);
    FARM_CHECK(seen.insert(path).second);
  }
  return 0;
}
