#include "coordinator/diagnosis/host_facts.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <random>

#include "common/system/filesystem.h"

namespace extfarm::diagnosis {

Keys look_at_keys(const std::string& key_folder, HostFacts& host) {
  Keys out;
  host.key_folder = key_folder;
  for (auto [name, pair] : {std::pair{"client", &out.client}, {"worker", &out.worker}}) {
    auto loaded = load_or_make_key_pair(key_folder, name);
    if (loaded)
      *pair = std::move(*loaded);
    else
      host.key_problems.push_back(loaded.error().message);
  }
  if (out.client) {
    host.public_key = out.client->public_key;
    const auto admitted = load_or_make_authorized_keys(key_folder, host.public_key);
    if (admitted)
      host.admits_itself = std::find(admitted->begin(), admitted->end(), host.public_key) != admitted->end();
    else
      host.key_problems.push_back(admitted.error().message);
  }
  const auto stamp = PosixFilesystem().stat(key_folder);
  host.key_folder_is_open = stamp && (stamp->mode & (S_IWGRP | S_IWOTH)) != 0;
  return out;
}

void look_at_folders(const std::string& rendezvous, const std::string& folder, HostFacts& host) {
  host.rendezvous = rendezvous;
  const auto stamp = PosixFilesystem().stat(rendezvous);
  host.rendezvous_exists = stamp && stamp->is_folder;
  host.rendezvous_is_writable = ::access(rendezvous.c_str(), W_OK | X_OK) == 0;
  host.rendezvous_is_on_network = host.rendezvous_exists && is_on_network(rendezvous);
  host.folder = folder;
  host.folder_is_on_network = is_on_network(folder);
  if (const auto skew = clock_skew_ns(folder)) host.clock_skew_ns = *skew;
  host.free_bytes = free_bytes(folder);
}

Result<ProbeFile> ProbeFile::make(const std::string& folder) {
  std::random_device random;
  std::string word;
  for (int i = 0; i < 8; ++i) word += fmt::format("{:08x}", random());
  const std::string path = (folder == "/" ? "" : folder) + "/.extfarm-doctor-" + word.substr(0, 12) + ".c";
  const std::string text = "const char extfarm_doctor[] = \"" + word + "\";\n";
  if (const auto written = PosixFilesystem().write_atomically(path, text, 0644); !written)
    return tl::unexpected(written.error());
  return ProbeFile(path, digest_of(text));
}

ProbeFile::~ProbeFile() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

}  // namespace extfarm::diagnosis
