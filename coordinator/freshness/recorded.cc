#include "coordinator/freshness/recorded.h"

#include <cstring>
#include <utility>

#include "common/base/byte_codec.h"

namespace extfarm::freshness {
namespace {

tl::unexpected<Error> malformed(const char* what) {
  return failure(ErrorCode::kMalformed, std::string("a record of ") + what + " cannot be read");
}

constexpr std::uint64_t kRegular = 1, kFolder = 2, kSymlink = 4;

}  // namespace

std::uint64_t path_hash(const std::string& path) {
  const Digest digest = digest_of(path);
  std::uint64_t out = 0;
  std::memcpy(&out, digest.bytes.data(), sizeof out);
  return out;
}

std::string encode(const Recorded& recorded) {
  ByteWriter out;
  out.digest(recorded.fingerprint);
  out.number(recorded.search);
  out.ascending(recorded.inputs);
  out.number(recorded.bystanders.size());
  for (const auto hash : recorded.bystanders) out.fixed(&hash, sizeof hash);
  out.number(recorded.outputs.size());
  for (const auto& output : recorded.outputs) {
    out.number(output.version);
    out.number(static_cast<std::uint64_t>(output.kind));
    out.number(output.mode);
    out.number(output.size_bytes);
    out.text(output.link_target);
  }
  out.text(recorded.stdout_bytes);
  out.text(recorded.stderr_bytes);
  return out.take();
}

Result<Recorded> decode_recorded(std::string_view bytes) {
  ByteReader in(bytes);
  Recorded out;
  out.fingerprint = in.digest();
  out.search = static_cast<SearchId>(in.number());
  out.inputs = in.ascending();
  out.bystanders.resize(in.count(sizeof(std::uint64_t)));
  for (auto& hash : out.bystanders) in.fixed(&hash, sizeof hash);
  out.outputs.resize(in.count(5));
  for (auto& output : out.outputs) {
    output.version = static_cast<VersionId>(in.number());
    const auto kind = in.number();
    if (kind > static_cast<std::uint64_t>(OutputKind::kRemoved)) return malformed("a result");
    output.kind = static_cast<OutputKind>(kind);
    output.mode = static_cast<std::uint32_t>(in.number());
    output.size_bytes = in.number();
    output.link_target = in.text();
  }
  out.stdout_bytes = in.text();
  out.stderr_bytes = in.text();
  if (!in.is_done()) return malformed("a result");
  return out;
}

void put(ByteWriter& out, const FileStamp& stamp) {
  for (const auto value : {stamp.device, stamp.inode, stamp.size_bytes, static_cast<std::uint64_t>(stamp.mtime_ns),
                           static_cast<std::uint64_t>(stamp.ctime_ns), std::uint64_t{stamp.mode},
                           (stamp.is_regular ? kRegular : 0) | (stamp.is_folder ? kFolder : 0) |
                               (stamp.is_symlink ? kSymlink : 0)}) {
    out.number(value);
  }
}

FileStamp stamp_from(ByteReader& in) {
  FileStamp stamp;
  stamp.device = in.number();
  stamp.inode = in.number();
  stamp.size_bytes = in.number();
  stamp.mtime_ns = static_cast<std::int64_t>(in.number());
  stamp.ctime_ns = static_cast<std::int64_t>(in.number());
  stamp.mode = static_cast<std::uint32_t>(in.number());
  const auto flags = in.number();
  stamp.is_regular = (flags & kRegular) != 0;
  stamp.is_folder = (flags & kFolder) != 0;
  stamp.is_symlink = (flags & kSymlink) != 0;
  return stamp;
}

std::string encode(const FileVersion& version) {
  ByteWriter out;
  out.digest(version.digest);
  put(out, version.stamp);
  return out.take();
}

Result<FileVersion> decode_version(VersionId id, std::string path, std::string_view bytes) {
  ByteReader in(bytes);
  FileVersion out;
  out.id = id;
  out.path = std::move(path);
  out.digest = in.digest();
  out.stamp = stamp_from(in);
  if (!in.is_done() || id == 0) return malformed("a file");
  return out;
}

std::string encode(const SearchFolders& searched) {
  ByteWriter out;
  out.number(searched.beside_count);
  out.number(searched.folders.size());
  for (const auto& folder : searched.folders) out.text(folder);
  return out.take();
}

Result<SearchFolders> decode_search(std::string_view bytes) {
  ByteReader in(bytes);
  SearchFolders out;
  out.beside_count = static_cast<std::uint32_t>(in.number());
  out.folders.resize(in.count(1));
  for (auto& folder : out.folders) folder = in.text();
  if (!in.is_done() || out.beside_count > out.folders.size()) return malformed("a search order");
  return out;
}

}  // namespace extfarm::freshness
