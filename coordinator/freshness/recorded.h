// What is remembered of an action's last published result, and its bytes in
// the records.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/byte_codec.h"
#include "common/base/result.h"
#include "common/model/attestation.h"
#include "coordinator/freshness/file_versions.h"
#include "coordinator/freshness/search_order.h"

namespace extfarm::freshness {

struct RecordedOutput {
  VersionId version = 0;  // a folder has the digest of zeros
  OutputKind kind = OutputKind::kFile;
  std::uint32_t mode = 0;
  std::uint64_t size_bytes = 0;
  std::string link_target;
};

struct Recorded {
  Digest fingerprint;
  SearchId search = 0;
  std::vector<VersionId> inputs;           // sorted
  std::vector<std::uint64_t> bystanders;  // path_hash of files that came earlier in the search and were not read
  std::vector<RecordedOutput> outputs;
  std::string stdout_bytes, stderr_bytes;  // said again when the action is fresh
};

std::uint64_t path_hash(const std::string& path);

// Bytes as common/base/byte_codec.h has them.
//   Recorded:      fingerprint 16, search, inputs as differences, bystanders 8 each, outputs, stdout, stderr
//   FileVersion:   digest 16, FileStamp   (id and path are columns)
//   SearchFolders: beside_count, folders
//   FileStamp:     device, inode, size, mtime, ctime, mode, flags
void put(ByteWriter&, const FileStamp&);
FileStamp stamp_from(ByteReader&);
std::string encode(const Recorded&);
std::string encode(const FileVersion&);
std::string encode(const SearchFolders&);
// Errors: kMalformed.
Result<Recorded> decode_recorded(std::string_view bytes);
Result<FileVersion> decode_version(VersionId, std::string path, std::string_view bytes);
Result<SearchFolders> decode_search(std::string_view bytes);

}  // namespace extfarm::freshness
