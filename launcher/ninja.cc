#include "launcher/ninja.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "launcher/door_client.h"

extern char** environ;

namespace extfarm {
namespace {

constexpr std::pair kFirstThatFollows{1, 13};

// What `program --version` prints, or nothing.
std::string version_of(const std::string& program) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return {};
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  std::string name = "ninja", question = "--version";
  char* argv[] = {name.data(), question.data(), nullptr};
  pid_t pid = 0;
  const bool runs = ::posix_spawn(&pid, program.c_str(), &actions, nullptr, argv, environ) == 0;
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  std::string said;
  char bytes[256];
  for (ssize_t n; (n = ::read(ends[0], bytes, sizeof bytes)) > 0;) said.append(bytes, static_cast<std::size_t>(n));
  ::close(ends[0]);
  if (runs) ::waitpid(pid, nullptr, 0);
  return said;
}

bool follows_a_jobserver(const std::string& program) {
  int major = 0, minor = 0;
  if (std::sscanf(version_of(program).c_str(), "%d.%d", &major, &minor) != 2) return false;
  return std::pair(major, minor) >= kFirstThatFollows;
}

// ninja takes the last such word of MAKEFLAGS, wherever it stands.  Behind " -- "
// a make that ninja starts reads it as a variable, and keeps to the descriptors
// named before: make before 4.4 would end on seeing "fifo:".
void name_jobserver(const std::string& token_path) {
  const char* flags = std::getenv("MAKEFLAGS");
  std::string all = flags != nullptr ? flags : "";
  if (all.find(" -- ") == std::string::npos) all += " --";
  ::setenv("MAKEFLAGS", (all + " --jobserver-auth=fifo:" + token_path).c_str(), 1);
}

}  // namespace

std::vector<std::string> words_for_ninja(const std::string& program, std::vector<std::string> words,
                                         const std::string& socket_path) {
  const char* tokens = std::getenv("EXTFARM_TOKENS");
  if (tokens != nullptr && ::access(tokens, R_OK | W_OK) == 0 && follows_a_jobserver(program)) {
    name_jobserver(tokens);
  } else if (const auto jobs = ask_jobs(socket_path)) {
    words.insert(words.begin() + 1, "-j" + std::to_string(*jobs));
  }
  return words;
}

}  // namespace extfarm
