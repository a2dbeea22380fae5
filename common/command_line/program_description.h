// A program's commands and options as plain values, read from the parser that
// takes them.  What is hidden from --help is not among them.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace extfarm {

struct DescribedOption {
  std::vector<std::string> names;    // "-q", "--quiet"; empty for a positional
  std::string value;                 // empty: it takes none; else what it takes: "DIR", "FILE", "COMMAND", "TEXT", …
  std::vector<std::string> choices;  // all that it takes; empty: anything
  std::string text, default_text;
  std::string position_name;         // of a positional
  bool is_repeated = false;
};

struct DescribedCommand {
  std::string name, text;
  std::vector<DescribedOption> options, positionals;
  std::vector<DescribedCommand> commands;
};

DescribedCommand description_of(const CLI::App&);
// For completions, which look at the first command only: one that has commands
// of its own takes their names, and the options of all.
DescribedCommand with_inner_options(const DescribedCommand&);
// With a separator between them.
std::string joined(const std::vector<std::string>& words, const char* separator);
// What fits behind a name in a list: up to the first semicolon or line's end.
std::string headline(const std::string& text);

}  // namespace extfarm
