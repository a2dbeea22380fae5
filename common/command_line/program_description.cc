#include "common/command_line/program_description.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>

namespace extfarm {
namespace {

// The parser writes "TEXT:{auto,direct}".
void read_type(const std::string& type, DescribedOption& out) {
  const auto colon = type.find(':');
  out.value = type.substr(0, colon);
  const auto open = type.find('{', colon == std::string::npos ? type.size() : colon), close = type.rfind('}');
  if (open == std::string::npos || close == std::string::npos) return;
  std::istringstream words(type.substr(open + 1, close - open - 1));
  for (std::string word; std::getline(words, word, ',');) out.choices.push_back(word);
}

DescribedOption described(const CLI::Option& option) {
  DescribedOption out;
  for (const auto& name : option.get_snames()) out.names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) out.names.push_back("--" + name);
  out.text = option.get_description();
  out.default_text = option.get_default_str();
  if (option.get_items_expected_max() > 0) read_type(option.get_type_name(), out);
  if (!option.nonpositional()) out.position_name = option.get_name(true);
  out.is_repeated = option.get_expected_max() > 1 ||
                    option.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
  return out;
}

}  // namespace

std::string headline(const std::string& text) { return text.substr(0, text.find_first_of(";\n")); }

std::string joined(const std::vector<std::string>& words, const char* separator) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : separator) + word;
  return out;
}

DescribedCommand description_of(const CLI::App& app) {
  DescribedCommand out{app.get_name(), app.get_description(), {}, {}, {}};
  for (const auto* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    (option->nonpositional() ? out.options : out.positionals).push_back(described(*option));
  }
  const auto is_shown = [](const CLI::App* command) { return !command->get_name().empty() && !command->get_group().empty(); };
  for (const auto* command : app.get_subcommands(is_shown)) out.commands.push_back(description_of(*command));
  return out;
}

DescribedCommand with_inner_options(const DescribedCommand& command) {
  DescribedCommand out = command;
  if (command.commands.empty()) return out;
  DescribedOption which;
  which.position_name = "command";
  for (const auto& inner : command.commands) {
    which.choices.push_back(inner.name);
    for (const auto& option : inner.options) {
      const auto is_it = [&](const DescribedOption& known) { return known.names == option.names; };
      if (std::none_of(out.options.begin(), out.options.end(), is_it)) out.options.push_back(option);
    }
  }
  out.positionals = {which};
  out.commands.clear();
  return out;
}

}  // namespace extfarm
