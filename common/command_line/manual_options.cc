// The options of manual pages, in man(7)'s macros.
#include "common/command_line/renderings.h"

namespace extfarm {
namespace {

std::string escaped_for_man(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else if (c == '\n')
      out += ' ';
    else
      out += c;
  }
  return !out.empty() && (out[0] == '.' || out[0] == '\'') ? "\\&" + out : out;
}

std::string option_paragraph(const DescribedOption& option) {
  std::string out = ".TP\n";
  if (option.names.empty()) out += "\\fI" + escaped_for_man(option.position_name) + "\\fR" + (option.is_repeated ? " ..." : "");
  for (std::size_t i = 0; i < option.names.size(); ++i)
    out += (i > 0 ? ", " : "") + ("\\fB" + escaped_for_man(option.names[i]) + "\\fR");
  if (!option.names.empty() && !option.value.empty()) out += " \\fI" + escaped_for_man(option.value) + "\\fR";
  out += "\n" + escaped_for_man(option.text) + (option.text.ends_with('.') ? "" : ".") + "\n";
  if (!option.default_text.empty()) out += "Default: " + escaped_for_man(option.default_text) + ".\n";
  return out;
}

}  // namespace

std::string manual_options(const DescribedCommand& program) {
  std::string out = ".\\\" " + program.name + "\n";
  for (const auto& option : program.positionals) out += option_paragraph(option);
  for (const auto& option : program.options) out += option_paragraph(option);
  for (const auto& command : program.commands) out += manual_options(command);
  return out;
}

std::string rendered(const DescribedCommand& program, const std::string& form) {
  if (form == "bash") return bash_completion(program);
  if (form == "zsh") return zsh_completion(program);
  if (form == "fish") return fish_completion(program);
  return manual_options(program);
}

}  // namespace extfarm
