// A build graph's file, as a whole and one step at a time: of a hundred
// thousand steps nobody has to keep the words.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/base/result.h"
#include "coordinator/manifest/byte_source.h"
#include "coordinator/manifest/step.h"

namespace extfarm::manifest {

class StepFile {
 public:
  enum class Format : std::uint8_t { kManifest, kCompilationDatabase };
  StepFile(std::string path, Format format) : path_(std::move(path)), format_(format) {}
  StepFile(const StepFile&) = delete;
  StepFile& operator=(const StepFile&) = delete;

  const std::string& path() const { return path_; }
  // Errors: those of read_manifest and read_compilation_database; of `take`.
  Result<void> read(const TakeStep& take);
  // False for a pipe.
  bool can_read_again() const;
  // What holds for all steps; after read(), or read now.
  Result<const Header*> header();
  // The step that a reading of the same file found there, also when another
  // file has taken its name since.  Errors: as read(); kInvalid when it was written since.
  Result<Step> step(const RecordPlace&);

 private:
  struct Stamp {
    std::int64_t size_bytes = 0, mtime_ns = 0;
    bool operator==(const Stamp&) const = default;
  };
  Stamp stamp() const;
  void open();

  std::string path_;
  Format format_;
  std::optional<Header> header_;
  std::unique_ptr<ByteSource> source_;  // for single steps
  Stamp first_stamp_;
};

}  // namespace extfarm::manifest
