// Looks at this host, as a build would find it: keys, folders, clock, room.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "common/base/result.h"
#include "common/transport/keys.h"
#include "coordinator/diagnosis/facts.h"

namespace extfarm::diagnosis {

// Makes missing keys, as a build does.  The client's and the workers' pair come
// back where they could be read.
struct Keys {
  std::optional<KeyPair> client, worker;
};
Keys look_at_keys(const std::string& key_folder, HostFacts&);

// `folder` is absolute; for a moment a file is made there.
void look_at_folders(const std::string& rendezvous, const std::string& folder, HostFacts&);

// A C source of random bytes in a folder, which no other host can have by
// chance; removed at the end.
class ProbeFile {
 public:
  // Errors: kIo.
  static Result<ProbeFile> make(const std::string& folder);
  ~ProbeFile();
  ProbeFile(ProbeFile&& other) noexcept : path_(std::exchange(other.path_, {})), digest_(other.digest_) {}
  ProbeFile(const ProbeFile&) = delete;
  ProbeFile& operator=(const ProbeFile&) = delete;
  const std::string& path() const { return path_; }
  const Digest& digest() const { return digest_; }

 private:
  ProbeFile(std::string path, const Digest& digest) : path_(std::move(path)), digest_(digest) {}
  std::string path_;
  Digest digest_;
};

}  // namespace extfarm::diagnosis
