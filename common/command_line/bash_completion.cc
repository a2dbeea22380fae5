// One bash function a program: it finds the command among the words before the
// cursor, then offers that command's options, or values of the option before.
#include "common/command_line/renderings.h"

namespace extfarm {
namespace {

// What may stand in place of a value, as words of `compgen`; empty: nothing is offered.
std::string offer(const DescribedOption& option) {
  if (!option.choices.empty()) return "-W '" + joined(option.choices, " ") + "'";
  if (option.value == "DIR") return "-d";
  if (option.value == "FILE" || option.value == "TARGET") return "-f";
  if (option.value == "COMMAND") return "-c";
  return "";
}

std::string offered(const std::string& words) {
  return words.empty() ? "return" : "_extfarm_offer " + words + "; return";
}

std::string all_names(const DescribedCommand& command) {
  std::vector<std::string> names;
  for (const auto& option : command.options) names.insert(names.end(), option.names.begin(), option.names.end());
  for (const auto& inner : command.commands) names.push_back(inner.name);
  return joined(names, " ");
}

// The branch of `case $command` for one command; `name` is empty for what comes before any.
std::string branch(const std::string& name, const DescribedCommand& command) {
  std::string out = "    '" + name + "')\n        case $prev in\n";
  for (const auto& option : command.options) {
    if (option.value.empty()) continue;
    out += "        " + joined(option.names, "|") + ") " + offered(offer(option)) + " ;;\n";
  }
  out += "        esac\n";
  const std::string options = "_extfarm_offer -W '" + all_names(command) + "'";
  if (command.positionals.empty()) return out + "        " + options + " ;;\n";
  const std::string words = offer(command.positionals.front());
  return out + "        case $cur in\n        -*) " + options + " ;;\n        *) " +
         (words.empty() ? ":" : "_extfarm_offer " + words) + " ;;\n        esac ;;\n";
}

// What follows `--` is completed as a command of its own.
constexpr const char* kCommon = R"sh(_extfarm_offer() {
    mapfile -t COMPREPLY < <(compgen "$@" -- "$cur")
    case $1 in -d|-f) compopt -o filenames 2>/dev/null ;; esac
}
_extfarm_wrapped() {
    if declare -F _command_offset >/dev/null; then
        _command_offset "$1"
    elif [ "$COMP_CWORD" -eq "$1" ]; then
        _extfarm_offer -c
    else
        _extfarm_offer -f
    fi
}
)sh";

}  // namespace

std::string bash_completion(const DescribedCommand& program) {
  std::string function = "_" + program.name;
  for (char& c : function) c = c == '-' ? '_' : c;
  std::string out = "# bash completion for " + program.name + "\n" + kCommon + function + R"sh(() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command= i
    COMPREPLY=()
    if [ "$cur" = = ]; then  # --option=value is three words to bash
        cur=
    elif [ "$prev" = = ]; then
        prev=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --) _extfarm_wrapped $((i + 1)); return ;;
        -*) ;;
)sh" + (program.commands.empty() ? "" : "        *) command=${command:-${COMP_WORDS[i]}} ;;\n") +
                    "        esac\n    done\n    case $command in\n" + branch("", program);
  for (const auto& command : program.commands) out += branch(command.name, with_inner_options(command));
  return out + "    esac\n}\ncomplete -F " + function + " " + program.name + "\n";
}

}  // namespace extfarm
