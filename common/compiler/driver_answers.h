// What a compiler driver said of the programs it runs, and how long that holds.
// Asks nobody.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/digest.h"
#include "common/base/timestamp.h"
#include "common/system/filesystem.h"

namespace extfarm {

constexpr Duration kDriverPatience = std::chrono::seconds(10);  // one answers in milliseconds; NFS may be slow

struct DriverAnswers {
  using Paths = std::vector<std::pair<std::string, std::string>>;  // "cc1" → its path
  Paths parts;  // as answered; a symlink on the way is followed at each use
  // Folders and files that the answers come from: with other stamps the driver is asked anew.
  std::vector<std::pair<std::string, FileStamp>> witnesses;
};

// The places' stamps as they are now, each place once.  One that is not there, or was written just now, never holds.
std::vector<std::pair<std::string, FileStamp>> witnesses_at(std::vector<std::string> places, const Filesystem&);

// Whether all its witnesses are as they were.
bool still_holds(const DriverAnswers&, const Filesystem&);

struct KnownDigest {
  std::string path;
  FileStamp stamp;
  Digest digest;
};

// One text of many drivers' answers, by key, and of digests.
struct ToolMemory {
  std::vector<std::pair<std::string, DriverAnswers>> drivers;
  std::vector<KnownDigest> digests;
};
// Fields end with a NUL, which no path has in it: "extfarm tools 1"; then "driver", key, count and witnesses
// (path, stamp), count and parts (name, path); or "digest", path, stamp, 32 hex digits.
std::string encode(const ToolMemory&);
// nullopt when the bytes are anything else.
std::optional<ToolMemory> decode_tool_memory(std::string_view bytes);

}  // namespace extfarm
