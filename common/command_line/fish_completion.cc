// Lines of fish's `complete`.
#include "common/command_line/renderings.h"

namespace extfarm {
namespace {

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out + "'";
}

std::string values(const DescribedOption& option) {
  if (!option.choices.empty()) return " -x -a " + quoted(joined(option.choices, " "));
  if (option.value == "DIR") return " -x -a '(__fish_complete_directories)'";
  if (option.value == "FILE" || option.value == "TARGET") return " -r -F";
  return option.value.empty() ? "" : " -x";
}

// `condition`: of fish; empty: always.
std::string lines(const std::string& program, const std::string& condition, const DescribedCommand& command) {
  const auto start = "complete -c " + program + (condition.empty() ? "" : " -n " + quoted(condition));
  std::string out;
  for (const auto& option : command.options) {
    out += start;
    for (const auto& name : option.names) out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    out += values(option) + " -d " + quoted(headline(option.text)) + "\n";
  }
  for (const auto& option : command.positionals) {
    // What follows `--` is completed as a command of its own.
    if (option.value == "COMMAND") {
      out += "complete -c " + program + " -n " + quoted(condition + "; and string match -q '* -- *' -- (commandline -cp)") +
             " -x -a '(complete -C (string replace -r \"^.*? -- \" \"\" -- (commandline -cp)))'\n";
    } else {
      out += start + values(option) + "\n";
    }
  }
  return out;
}

}  // namespace

std::string fish_completion(const DescribedCommand& program) {
  std::string out = "# fish completion for " + program.name + "\ncomplete -c " + program.name + " -f\n";
  if (program.commands.empty()) return out + lines(program.name, "", program);
  out += lines(program.name, "__fish_use_subcommand", program);
  for (const auto& command : program.commands)
    out += "complete -c " + program.name + " -n __fish_use_subcommand -a " + command.name + " -d " +
           quoted(headline(command.text)) + "\n";
  for (const auto& command : program.commands)
    out += lines(program.name, "__fish_seen_subcommand_from " + command.name, with_inner_options(command));
  return out;
}

}  // namespace extfarm
