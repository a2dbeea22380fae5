// What is made from a program's description: completions for a shell, and the
// options of its manual pages.
#pragma once

#include <string>

#include "common/command_line/program_description.h"

namespace extfarm {

// To be sourced, or put where the shell looks for the completions of a command.
std::string bash_completion(const DescribedCommand& program);
std::string zsh_completion(const DescribedCommand& program);
std::string fish_completion(const DescribedCommand& program);

// A section for each command: a line ".\" NAME" and its options, each a tagged paragraph of man(7).
std::string manual_options(const DescribedCommand& program);

constexpr const char* kForms[] = {"bash", "zsh", "fish", "man"};
// `form`: one of kForms.
std::string rendered(const DescribedCommand& program, const std::string& form);

}  // namespace extfarm
