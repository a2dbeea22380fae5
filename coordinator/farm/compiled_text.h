// How much a compile has to get through: the names in its source, in what that
// includes from beside it, and in what macros stand for.  Tables of numbers,
// however long, are soon read.  Roughly: no condition is evaluated, only
// quoted headers are looked for, a macro's arguments count once.  Of the
// system's headers those count that declare a processor's instructions: they
// take longer than all others that C sources include.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/farm/source_parts.h"

namespace extfarm {

class CompiledText {
 public:
  // None of a file that is not there.  `folders` are searched for headers after the folder of the file that
  // includes them; of what is found there only the macros count.  Looks at no more than 40 headers of a source and
  // the first 256 KiB of each file, and remembers what headers say, up to some 64 MiB.
  double names_in(const std::string& source, const std::vector<std::string>& folders);

 private:
  struct File {
    double size_bytes = 0, names = 0;
    std::vector<std::string> included;  // quoted
    bool has_intrinsics = false;        // it includes the header that declares them
    SourceParts parts;                  // of what is a header by its file's name, without code
  };
  struct Included {
    const File* file = nullptr;  // none: it is nowhere
    bool is_beside = false;      // in the folder of the file that includes it
    std::string path;
  };
  static File read(const std::string& path);
  const File& header(const std::string& path);
  const Included& find(const std::string& folder, const std::string& name);
  std::vector<Included> included_by(const std::string& source, const File&);
  void forget_if_much();

  std::vector<std::string> folders_;  // that found_ holds for
  std::map<std::pair<std::string, std::string>, Included> found_;  // by folder and name
  std::map<std::string, File> headers_;
  std::size_t kept_bytes_ = 0;  // of their macros and code, about
};

}  // namespace extfarm
