// extfarm-cc: a compiler launcher.  Sends the command line it was given to the
// coordinator named by EXTFARM_SOCKET, and becomes the compiler itself when
// there is none.  Under another name (a link called gcc) it stands for the
// program of that name further down the PATH; ninja is told how many jobs the
// farm takes.  Small and quick to start: no
// libzmq, no threads, no shared libraries.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "common/base/descriptor.h"
#include "launcher/door_client.h"
#include "launcher/ninja.h"
#include "launcher/search_path.h"

namespace {

constexpr const char* kHelp =
    "extfarm-cc COMPILER ARGUMENT…\n"
    "Runs a compile on the farm of the surrounding `extfarm run`, with the same files, output and\n"
    "exit code as the compiler alone; without a farm it runs the compiler itself.\n"
    "  CC=\"extfarm-cc gcc\" make\n"
    "  cmake -DCMAKE_C_COMPILER_LAUNCHER=extfarm-cc -DCMAKE_CXX_COMPILER_LAUNCHER=extfarm-cc\n"
    "  extfarm run --masquerade -- make          # when the build names its compiler itself\n";
constexpr const char* kDefaultPath = "/usr/local/bin:/usr/bin:/bin";
constexpr const char* kDepth = "EXTFARM_CC_DEPTH";
constexpr int kDeepest = 10;  // ccache and the like in between come to two or three

bool is_launcher(const char* word) {
  const char* slash = std::strrchr(word, '/');
  return std::strcmp(slash == nullptr ? word : slash + 1, "extfarm-cc") == 0;
}

std::string variable(const char* name, const char* otherwise = "") {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

[[noreturn]] void become(char** argv) {
  const char* path = std::getenv("PATH");  // empty when only masquerades were on it
  const auto program = extfarm::find_program(path != nullptr ? path : kDefaultPath, argv[0]);
  if (program) ::execv(program->c_str(), argv);
  const int error = program ? errno : ENOENT;
  std::fprintf(stderr, "extfarm-cc: cannot run %s: %s\n", argv[0], std::strerror(error));
  ::_exit(error == ENOENT ? 127 : 126);
}

// ccache first: what it does not have it gives back to us.
[[noreturn]] void become_cache(char** argv) {
  char self[4096];
  const ssize_t length = ::readlink("/proc/self/exe", self, sizeof self - 1);
  if (length > 0 && variable("CCACHE_PREFIX").empty()) {
    self[length] = '\0';
    ::setenv("CCACHE_PREFIX", self, 1);
  }
  become(argv);
}

// A chain of launchers that leads back to itself would go on for ever.
void count_depth() {
  const int depth = std::atoi(variable(kDepth, "0").c_str()) + 1;
  if (depth > kDeepest) {
    std::fprintf(stderr, "extfarm-cc: it calls itself again and again; look at CC, CCACHE_PREFIX and the PATH\n");
    ::_exit(126);
  }
  ::setenv(kDepth, std::to_string(depth).c_str(), 1);
}

[[noreturn]] void become_ninja(char** argv, const std::string& search_path, const std::string& socket_path) {
  const auto program = extfarm::find_program(search_path, argv[0]);
  if (!program) become(argv);
  std::vector<std::string> words;
  for (char** word = argv; *word != nullptr; ++word) words.emplace_back(*word);
  words = extfarm::words_for_ninja(*program, std::move(words), socket_path);
  std::vector<char*> pointers;
  for (auto& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  become(pointers.data());
}

bool is_question(char** words) {  // about ninja itself; others wait for the answer
  return words[1] != nullptr && std::strcmp(words[1], "--version") == 0;
}

bool shows_colours() {
  const std::string terminal = variable("TERM");
  return !terminal.empty() && terminal != "dumb" && ::isatty(STDERR_FILENO) != 0;
}

}  // namespace

int main(int argc, char** argv) {
  char** command = argv;
  while (*command != nullptr && is_launcher(*command)) ++command;  // "extfarm-cc extfarm-cc gcc"
  if (*command == nullptr || (command != argv && std::strcmp(*command, "--help") == 0)) {
    std::fputs(kHelp, argc < 2 ? stderr : stdout);
    return argc < 2 ? 2 : 0;
  }
  if (command == argv && std::strchr(*command, '/') != nullptr) {  // called as /…/masquerade/gcc
    *command = std::strrchr(*command, '/') + 1;
  }
  const std::string path = extfarm::without_masquerades(variable("PATH", kDefaultPath), *command);
  if (path != variable("PATH", kDefaultPath)) ::setenv("PATH", path.c_str(), 1);
  count_depth();
  const std::string socket_path = variable("EXTFARM_SOCKET");
  if (socket_path.empty() || !variable("EXTFARM_DISABLE").empty()) become(command);
  if (command == argv && std::strcmp(*command, "ninja") == 0) {
    if (is_question(command)) become(command);
    become_ninja(command, path, socket_path);
  }
  if (extfarm::real_name(path, *command) == "ccache") become_cache(command);

  std::vector<std::string> words;
  for (char** word = command; *word != nullptr; ++word) words.emplace_back(*word);
  if (shows_colours())
    ::setenv("EXTFARM_COLOR", "always", 1);
  else
    ::unsetenv("EXTFARM_COLOR");
  const auto answer = extfarm::ask_coordinator(socket_path, words);
  ::unsetenv("EXTFARM_COLOR");
  if (!answer || answer->run_locally) become(command);
  extfarm::write_all(STDOUT_FILENO, answer->stdout_bytes);
  extfarm::write_all(STDERR_FILENO, answer->stderr_bytes);
  return answer->exit_code;
}
