// Where the real compiler is, when links to extfarm-cc lie on the PATH in front of it.
#pragma once

#include <optional>
#include <string>

namespace extfarm {

// `path` without the folders in which `name` is extfarm-cc itself: a folder of
// `extfarm run --masquerade`, or one that somebody made with ln -s.
std::string without_masquerades(const std::string& path, const std::string& name);

// The first executable file of that name on `path`; a name with a slash is
// itself.  nullopt when there is none.
std::optional<std::string> find_program(const std::string& path, const std::string& name);

// What a command word really is, by the name of the file behind all links:
// "/usr/lib/ccache/gcc" is "ccache".  The word's own base name when it is not found.
std::string real_name(const std::string& path, const std::string& name);

}  // namespace extfarm
