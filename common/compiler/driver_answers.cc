#include "common/compiler/driver_answers.h"

#include <algorithm>
#include <sstream>
#include <utility>

namespace extfarm {
namespace {

constexpr std::string_view kHeading = "extfarm tools 1";

void put(std::string& out, std::string_view field) {
  out += field;
  out += '\0';
}

std::string text_of(const FileStamp& stamp) {
  std::ostringstream out;
  out << stamp.device << ' ' << stamp.inode << ' ' << stamp.size_bytes << ' ' << stamp.mtime_ns << ' '
      << stamp.ctime_ns << ' ' << stamp.mode << ' ' << stamp.is_regular << ' ' << stamp.is_folder << ' '
      << stamp.is_symlink;
  return out.str();
}

class FieldReader {
 public:
  explicit FieldReader(std::string_view bytes) : rest_(bytes) {}
  bool is_done() const { return rest_.empty(); }
  bool ok() const { return ok_; }
  std::string text() {
    const auto end = rest_.find('\0');
    if (end == std::string_view::npos) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    std::string out(rest_.substr(0, end));
    rest_.remove_prefix(end + 1);
    return out;
  }
  std::size_t count() {
    std::istringstream in(text());
    std::size_t out = 0;
    ok_ = ok_ && in >> out && out <= rest_.size();
    return ok_ ? out : 0;
  }
  FileStamp stamp() {
    std::istringstream in(text());
    FileStamp out;
    in >> out.device >> out.inode >> out.size_bytes >> out.mtime_ns >> out.ctime_ns >> out.mode >> out.is_regular >>
        out.is_folder >> out.is_symlink;
    ok_ = ok_ && !in.fail();
    return out;
  }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

DriverAnswers read_answers(FieldReader& in) {
  DriverAnswers out;
  out.witnesses.resize(in.count());
  for (auto& [path, stamp] : out.witnesses) {
    path = in.text();
    stamp = in.stamp();
  }
  out.parts.resize(in.count());
  for (auto& [name, path] : out.parts) {
    name = in.text();
    path = in.text();
  }
  return out;
}

}  // namespace

std::vector<std::pair<std::string, FileStamp>> witnesses_at(std::vector<std::string> places,
                                                            const Filesystem& filesystem) {
  std::sort(places.begin(), places.end());
  places.erase(std::unique(places.begin(), places.end()), places.end());
  std::vector<std::pair<std::string, FileStamp>> out;
  for (auto& place : places) {
    const auto stamp = filesystem.stat(place);
    // A stamp of zeros never holds.
    out.emplace_back(std::move(place), stamp && is_settled(*stamp) ? *stamp : FileStamp{});
  }
  return out;
}

bool still_holds(const DriverAnswers& answers, const Filesystem& filesystem) {
  return std::all_of(answers.witnesses.begin(), answers.witnesses.end(),
                     [&](const auto& witness) { return filesystem.stat(witness.first) == witness.second; });
}

std::string encode(const ToolMemory& memory) {
  std::string out;
  put(out, kHeading);
  for (const auto& [key, answers] : memory.drivers) {
    put(out, "driver");
    put(out, key);
    put(out, std::to_string(answers.witnesses.size()));
    for (const auto& [path, stamp] : answers.witnesses) {
      put(out, path);
      put(out, text_of(stamp));
    }
    put(out, std::to_string(answers.parts.size()));
    for (const auto& [name, path] : answers.parts) {
      put(out, name);
      put(out, path);
    }
  }
  for (const auto& known : memory.digests) {
    put(out, "digest");
    put(out, known.path);
    put(out, text_of(known.stamp));
    put(out, to_hex(known.digest));
  }
  return out;
}

std::optional<ToolMemory> decode_tool_memory(std::string_view bytes) {
  FieldReader in(bytes);
  if (in.text() != kHeading) return std::nullopt;
  ToolMemory out;
  while (in.ok() && !in.is_done()) {
    const auto what = in.text();
    if (what == "driver") {
      auto key = in.text();
      out.drivers.emplace_back(std::move(key), read_answers(in));
    } else if (what == "digest") {
      KnownDigest known;
      known.path = in.text();
      known.stamp = in.stamp();
      const auto digest = digest_from_hex(in.text());
      if (!digest) return std::nullopt;
      known.digest = *digest;
      out.digests.push_back(std::move(known));
    } else {
      return std::nullopt;
    }
  }
  if (!in.ok()) return std::nullopt;
  return out;
}

}  // namespace extfarm
