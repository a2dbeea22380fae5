#include "common/model/environment.h"

#include <algorithm>
#include <array>

namespace extfarm {

bool environment_matters(std::string_view name) {
  // Never forwarded: they would load code into the compiler or replace its parts.
  static constexpr std::array<std::string_view, 6> kNever = {
      "GCC_EXEC_PREFIX", "GCC_COMPARE_DEBUG", "COMPILER_PATH", "PYTHONSTARTUP", "PYTHONINSPECT", "PYTHONBREAKPOINT"};
  static constexpr std::array<std::string_view, 17> kNames = {"PATH",
                                                              "HOME",
                                                              "LANG",
                                                              "LANGUAGE",
                                                              "PWD",
                                                              "CPATH",
                                                              "C_INCLUDE_PATH",
                                                              "CPLUS_INCLUDE_PATH",
                                                              "LIBRARY_PATH",
                                                              "OBJC_INCLUDE_PATH",
                                                              "SOURCE_DATE_EPOCH",
                                                              "DEPENDENCIES_OUTPUT",
                                                              "SUNPRO_DEPENDENCIES",
                                                              "COLUMNS",
                                                              "TERM",
                                                              "LD_RUN_PATH",
                                                              "EXTFARM_COLOR"};
  static constexpr std::array<std::string_view, 4> kPrefixes = {"LC_", "GCC_", "PYTHON", "CYTHON"};
  if (std::find(kNever.begin(), kNever.end(), name) != kNever.end()) return false;
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end() ||
         std::any_of(kPrefixes.begin(), kPrefixes.end(),
                     [&](std::string_view prefix) { return name.starts_with(prefix); });
}

bool keeps_compilers_here(std::string_view name) {
  static constexpr std::array<std::string_view, 6> kNames = {"GCC_EXEC_PREFIX",      "COMPILER_PATH", "GCC_COMPARE_DEBUG",
                                                             "CCC_OVERRIDE_OPTIONS", "GNUTARGET",     "LDEMULATION"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

std::vector<std::pair<std::string, std::string>> environment_that_matters(
    const std::map<std::string, std::string>& all) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& [name, value] : all) {
    if (environment_matters(name)) out.emplace_back(name, value);
  }
  return out;
}

}  // namespace extfarm
