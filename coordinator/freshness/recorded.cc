#include "coordinator/freshness/recorded.h"

#include <algorithm>
#include <cstring>

namespace extfarm::freshness {
namespace {

class Writer {
 public:
  void number(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_ += static_cast<char>(value | 0x80);
    out_ += static_cast<char>(value);
  }
  void text(std::string_view bytes) {
    number(bytes.size());
    out_ += bytes;
  }
  void fixed(const void* bytes, std::size_t size) { out_.append(static_cast<const char*>(bytes), size); }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

// Reads nothing beyond the end; `ok` tells whether all was there.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) break;
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    ok_ = false;
    return 0;
  }
  std::string text() {
    const auto size = number();
    if (!ok_ || size > rest_.size()) {
      ok_ = false;
      return {};
    }
    std::string out(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return out;
  }
  void fixed(void* bytes, std::size_t size) {
    if (size > rest_.size()) {
      ok_ = false;
      return;
    }
    std::memcpy(bytes, rest_.data(), size);
    rest_.remove_prefix(size);
  }
  // The length of a list whose items take at least `item_size` bytes each.
  std::size_t count(std::size_t item_size) {
    const auto size = number();
    if (size <= rest_.size() / item_size) return size;
    ok_ = false;
    return 0;
  }
  bool is_done() const { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

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
  Writer out;
  out.fixed(recorded.fingerprint.bytes.data(), recorded.fingerprint.bytes.size());
  out.number(recorded.search);
  out.number(recorded.inputs.size());
  VersionId last = 0;
  for (const VersionId id : recorded.inputs) out.number(id - std::exchange(last, id));
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
  Reader in(bytes);
  Recorded out;
  in.fixed(out.fingerprint.bytes.data(), out.fingerprint.bytes.size());
  out.search = static_cast<SearchId>(in.number());
  out.inputs.resize(in.count(1));
  VersionId last = 0;
  for (auto& id : out.inputs) last = id = last + static_cast<VersionId>(in.number());
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

std::string encode(const FileVersion& version) {
  Writer out;
  const FileStamp& stamp = version.stamp;
  out.fixed(version.digest.bytes.data(), version.digest.bytes.size());
  for (const auto value : {stamp.device, stamp.inode, stamp.size_bytes, static_cast<std::uint64_t>(stamp.mtime_ns),
                           static_cast<std::uint64_t>(stamp.ctime_ns), std::uint64_t{stamp.mode},
                           (stamp.is_regular ? kRegular : 0) | (stamp.is_folder ? kFolder : 0) |
                               (stamp.is_symlink ? kSymlink : 0)}) {
    out.number(value);
  }
  return out.take();
}

Result<FileVersion> decode_version(VersionId id, std::string path, std::string_view bytes) {
  Reader in(bytes);
  FileVersion out;
  out.id = id;
  out.path = std::move(path);
  in.fixed(out.digest.bytes.data(), out.digest.bytes.size());
  out.stamp.device = in.number();
  out.stamp.inode = in.number();
  out.stamp.size_bytes = in.number();
  out.stamp.mtime_ns = static_cast<std::int64_t>(in.number());
  out.stamp.ctime_ns = static_cast<std::int64_t>(in.number());
  out.stamp.mode = static_cast<std::uint32_t>(in.number());
  const auto flags = in.number();
  out.stamp.is_regular = (flags & kRegular) != 0;
  out.stamp.is_folder = (flags & kFolder) != 0;
  out.stamp.is_symlink = (flags & kSymlink) != 0;
  if (!in.is_done() || id == 0) return malformed("a file");
  return out;
}

std::string encode(const SearchFolders& searched) {
  Writer out;
  out.number(searched.beside_count);
  out.number(searched.folders.size());
  for (const auto& folder : searched.folders) out.text(folder);
  return out.take();
}

Result<SearchFolders> decode_search(std::string_view bytes) {
  Reader in(bytes);
  SearchFolders out;
  out.beside_count = static_cast<std::uint32_t>(in.number());
  out.folders.resize(in.count(1));
  for (auto& folder : out.folders) folder = in.text();
  if (!in.is_done() || out.beside_count > out.folders.size()) return malformed("a search order");
  return out;
}

}  // namespace extfarm::freshness
