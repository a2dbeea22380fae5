// Copies whole trees and compares them.  Knows files, folders and symbolic
// links; refuses to know what built them.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace extfarm::verification {

// Makes `to`, a folder that does not exist yet, a copy of the folder `from`:
// contents, modes, times, links, and owners where the process may set them.
// Shares blocks where the filesystem can.  Sockets, pipes and devices are left
// out, as are the entries of the top folder named in `left_out`.
// Errors: kIo, with the path; `to` is then incomplete.
Result<void> copy_tree(const std::string& from, const std::string& to, const std::set<std::string>& left_out);

enum class Kind { kNone, kFile, kFolder, kLink };

struct Entry {
  Kind kind = Kind::kNone;
  std::uint32_t mode = 0;  // permission bits; 0 for a link
  std::uint64_t size_bytes = 0;
  std::int64_t mtime_ns = 0;
  std::string target;  // of a link
};
using Listing = std::map<std::string, Entry>;  // by path relative to the top

// Errors: kIo, with the path.
Result<Listing> list_tree(const std::string& top, const std::set<std::string>& left_out);

// Paths of files and links in `after` that are not in `before` as they are.
std::set<std::string> written_between(const Listing& before, const Listing& after);

struct Difference {
  std::string path;
  Entry plain, farmed;
};

// What lies in one of two trees only, or not alike: kind, permission bits, link
// target, bytes of a file.  A folder in one of them only is left out when one
// of its files tells the same.  Errors: kIo, with the path that could not be read.
Result<std::vector<Difference>> differences_between(const std::string& plain_top, const Listing& plain,
                                                    const std::string& farmed_top, const Listing& farmed);

}  // namespace extfarm::verification
