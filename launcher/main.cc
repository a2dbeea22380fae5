// extfarm-cc: a compiler launcher.  Sends the command line it was given to the
// coordinator named by EXTFARM_SOCKET, and becomes the compiler itself when
// there is none.  Small and quick to start: no libzmq, no threads.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "launcher/door_client.h"

namespace {

constexpr const char* kHelp =
    "extfarm-cc COMPILER ARGUMENT…\n"
    "Runs a compile on the farm of the surrounding `extfarm run`, with the same files, output and\n"
    "exit code as the compiler alone; without a farm it runs the compiler itself.\n"
    "  CC=\"extfarm-cc gcc\" make\n"
    "  cmake -DCMAKE_C_COMPILER_LAUNCHER=extfarm-cc -DCMAKE_CXX_COMPILER_LAUNCHER=extfarm-cc\n";

bool is_launcher(const char* word) {
  const char* slash = std::strrchr(word, '/');
  return std::strcmp(slash == nullptr ? word : slash + 1, "extfarm-cc") == 0;
}

[[noreturn]] void become(char** argv) {
  ::execvp(argv[0], argv);
  std::fprintf(stderr, "extfarm-cc: cannot run %s: %s\n", argv[0], std::strerror(errno));
  ::_exit(errno == ENOENT ? 127 : 126);
}

void write_all(int fd, const std::string& bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    const ssize_t n = ::write(fd, bytes.data() + at, bytes.size() - at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    at += static_cast<std::size_t>(n);
  }
}

}  // namespace

int main(int argc, char** argv) {
  char** command = argv + 1;
  while (*command != nullptr && is_launcher(*command)) ++command;  // "extfarm-cc extfarm-cc gcc"
  if (argc < 2 || *command == nullptr || std::strcmp(*command, "--help") == 0) {
    std::fputs(kHelp, argc < 2 ? stderr : stdout);
    return argc < 2 ? 2 : 0;
  }
  const char* socket_path = std::getenv("EXTFARM_SOCKET");
  const char* disabled = std::getenv("EXTFARM_DISABLE");
  if (socket_path == nullptr || *socket_path == '\0' || (disabled != nullptr && *disabled != '\0'))
    become(command);

  std::vector<std::string> words;
  for (char** word = command; *word != nullptr; ++word) words.emplace_back(*word);
  const auto answer = extfarm::ask_coordinator(socket_path, words);
  if (!answer || answer->run_locally) become(command);
  write_all(STDOUT_FILENO, answer->stdout_bytes);
  write_all(STDERR_FILENO, answer->stderr_bytes);
  return answer->exit_code;
}
