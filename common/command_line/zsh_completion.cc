// Specifications for zsh's _arguments.
#include "common/command_line/renderings.h"

namespace extfarm {
namespace {

// Between single quotes, in a place where _arguments takes [, ] and : for its own.
std::string escaped_for_zsh(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'')
      out += "'\\''";
    else if (c == '\n')
      out += ' ';
    else if (c == '[' || c == ']' || c == ':' || c == '\\')
      out += std::string("\\") + c;
    else
      out += c;
  }
  return out;
}

std::string action_for(const DescribedOption& option) {
  if (!option.choices.empty()) return "(" + joined(option.choices, " ") + ")";
  if (option.value == "DIR") return "_files -/";
  if (option.value == "FILE" || option.value == "TARGET") return "_files";
  if (option.value == "COMMAND") return "_normal";
  return " ";
}

// One specification a name: those of one option exclude each other.
std::string option_specs(const DescribedOption& option, const std::string& indent) {
  const std::string all = joined(option.names, " ");
  std::string out;
  for (const auto& name : option.names) {
    out += indent + "'" + (option.is_repeated ? "*" : "(" + all + ")") + name;
    if (!option.value.empty() && name.starts_with("--")) out += "=";
    out += "[" + escaped_for_zsh(headline(option.text)) + "]";
    if (!option.value.empty()) out += ":" + escaped_for_zsh(option.value) + ":" + action_for(option);
    out += "' \\\n";
  }
  return out;
}

std::string specs(const DescribedCommand& command, const std::string& indent) {
  std::string out;
  for (const auto& option : command.options) out += option_specs(option, indent);
  for (const auto& option : command.positionals) {
    const char* many = option.value == "COMMAND" ? "*::" : option.is_repeated ? "*:" : ":";
    out += indent + "'" + many + escaped_for_zsh(option.position_name) + ":" + action_for(option) + "' \\\n";
  }
  return out;
}

}  // namespace

std::string zsh_completion(const DescribedCommand& program) {
  std::string function = "_" + program.name;
  std::string out = "#compdef " + program.name + "\n\n" + function + "() {\n  local curcontext=$curcontext state line\n";
  if (program.commands.empty()) {
    out += "  _arguments -s -S \\\n" + specs(program, "    ") + "    && return 0\n";
  } else {
    out += "  typeset -A opt_args\n  _arguments -C \\\n" + specs(program, "    ") +
           "    ': :->command' '*:: :->argument' && return 0\n  case $state in\n  command)\n    local -a commands=(\n";
    for (const auto& command : program.commands)
      out += "      '" + command.name + ":" + escaped_for_zsh(headline(command.text)) + "'\n";
    out += "    )\n    _describe command commands ;;\n  argument)\n    case $words[1] in\n";
    for (const auto& command : program.commands)
      out += "    " + command.name + ")\n      _arguments -s -S \\\n" + specs(with_inner_options(command), "        ") + "        && return 0 ;;\n";
    out += "    esac ;;\n  esac\n";
  }
  // The file of a completion is its function's body; one that is sourced only defines it.
  return out + "}\n\nif [[ $funcstack[1] == " + function + " ]]; then\n  " + function + " \"$@\"\nelse\n  compdef " + function +
         " " + program.name + "\nfi\n";
}

}  // namespace extfarm
