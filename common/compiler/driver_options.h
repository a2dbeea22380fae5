// What single options of gcc and clang drivers mean for a farm: which take a
// value, which name files, which load code.  Pure tables; no file is opened.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace extfarm {

// Its value is the next word when it is not joined to it.
bool takes_next_word(std::string_view option);
// It makes the driver answer a question in place of compiling.
bool only_asks(std::string_view option);
// "--output" for "-o" and the like: gcc knows them, hardly anybody uses them.
bool is_long_spelling(std::string_view option);
// Headers are then looked for in folders that -I, -iquote, -isystem, -idirafter
// and the driver's answer do not tell.  `next`: the word behind it, or nothing.
bool looks_elsewhere(std::string_view option, std::string_view next);
// By its ending, as the drivers see it.
bool is_source_name(std::string_view path);
std::string_view file_ending(std::string_view path);  // ".c", or nothing
// Of a source in `language`, the value of -x; by its ending where that is empty or "none".
bool is_fortran(std::string_view source, std::string_view language);

// Paths that the options of a command name, as written.
struct NamedPaths {
  std::vector<std::string> written;  // files, or folders with a "/" at the end
  std::vector<std::string> read;     // that no depfile lists: profiles, version scripts
};
NamedPaths named_paths(const std::vector<std::string>& argv);

struct LoadedCode {
  std::string option;  // as written, without its value
  std::string path;    // as written; without a slash where the compiler searches for it
};
// What would be loaded into the compiler or take the place of its parts: specs,
// plug-ins, wrappers, folders of -B, configuration files, linkers.  `argv[0]`
// tells clang from gcc, so it should be the real program's name.
std::vector<LoadedCode> loaded_code(const std::vector<std::string>& argv);

}  // namespace extfarm
