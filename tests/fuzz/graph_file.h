// Bytes as a file that a reader of build graphs can open, and what holds for
// every step of one.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "coordinator/manifest/byte_source.h"
#include "coordinator/manifest/step.h"
#include "tests/fuzz/input.h"

namespace extfarm::fuzz {

class GraphFile {
 public:
  explicit GraphFile(std::string_view bytes) : descriptor_(::memfd_create("graph", MFD_CLOEXEC)) {
    FARM_CHECK(descriptor_ >= 0);
    FARM_CHECK(::write(descriptor_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  ~GraphFile() { ::close(descriptor_); }
  GraphFile(const GraphFile&) = delete;
  GraphFile& operator=(const GraphFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

inline void check_step(const manifest::Step& step) {
  FARM_CHECK(!step.argv.empty() && !step.argv[0].empty() && step.cwd.starts_with('/'));
  for (const auto& word : step.argv) FARM_CHECK(word.find('\0') == std::string::npos);
  for (const auto* paths : {&step.inputs, &step.outputs}) {
    for (const auto& path : *paths)
      FARM_CHECK(path.starts_with('/') && path.find("//") == std::string::npos && path.find('\0') == std::string::npos);
  }
}

// `read` gives all steps, `read_one` the one that stands at a place: they must agree.
template <class ReadAll, class ReadOne>
void check_graph(std::string_view bytes, const ReadAll& read_all, const ReadOne& read_one) {
  const GraphFile file(bytes);
  manifest::Header header;
  std::vector<manifest::Step> steps;
  const auto read = read_all(file.path(), [&](const manifest::Header& all, manifest::Step&& step) -> Result<void> {
    header = all;
    check_step(step);
    steps.push_back(std::move(step));
    return {};
  });
  FARM_CHECK(read || read.error().code == ErrorCode::kMalformed);
  manifest::ByteSource source(file.path());
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    const auto again = read_one(source, header, step->place);
    FARM_CHECK(again && again->argv == step->argv && again->cwd == step->cwd && again->id == step->id);
    FARM_CHECK(again->inputs == step->inputs && again->outputs == step->outputs && again->after == step->after);
    FARM_CHECK(again->environment == step->environment && again->stdin_bytes == step->stdin_bytes);
  }
}

}  // namespace extfarm::fuzz
