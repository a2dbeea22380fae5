// A compiler that stands for the cores of other machines: a compile that it has
// done before takes as long as then, but asleep.  Put it somewhere under the
// name of a compiler; the folder `recording` beside it keeps, for each compile,
//   KEY.seconds  how long it takes; a test may write another figure
//   KEY.out      what -o got
//   KEY.d        what was read, as a depfile's right side
// A compile that is not recorded is done, and recorded where that folder can be
// written.  Everything but compiles is done by the compiler of the same name on
// the default PATH.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "common/base/digest.h"

namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

struct Compile {
  Words plain;  // without the wish for a list of inputs
  std::string output, depfile;
};

Compile read(const Words& words) {
  Compile out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "-MD") continue;
    if (words[i] == "-MF" && i + 1 < words.size()) {
      out.depfile = words[++i];
      continue;
    }
    out.plain.push_back(words[i]);
    if (words[i] == "-o" && i + 1 < words.size()) out.output = words[i + 1];
  }
  return out;
}

std::string key_of(const Compile& compile) {
  extfarm::Hasher hasher;
  hasher.add_field(fs::current_path().string());
  for (const auto& word : compile.plain) hasher.add_field(word);
  return extfarm::to_hex(hasher.finish());
}

[[noreturn]] void become(const std::string& program, const Words& words) {
  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  for (const auto& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  ::execv(program.c_str(), argv.data());
  std::perror(program.c_str());
  ::_exit(127);
}

int run(const std::string& program, const Words& words) {
  const pid_t pid = ::fork();
  if (pid == 0) become(program, words);
  int status = 0;
  if (pid < 0 || ::waitpid(pid, &status, 0) != pid) return 1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

std::string content(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

bool write(const std::string& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary);
  out << bytes;
  return static_cast<bool>(out.flush());
}

int sleep_and_repeat(const Compile& compile, const std::string& recorded) {
  std::this_thread::sleep_for(std::chrono::duration<double>(std::atof(content(recorded + ".seconds").c_str())));
  bool written = write(compile.output, content(recorded + ".out"));
  if (!compile.depfile.empty())
    written = write(compile.depfile, compile.output + ":" + content(recorded + ".d")) && written;
  if (!written) std::fprintf(stderr, "sleeping compiler: cannot write %s\n", compile.output.c_str());
  return written ? 0 : 1;
}

int record(const std::string& real, const Compile& compile, const std::string& recorded) {
  const std::string list = recorded + ".list";
  Words words = compile.plain;
  words.insert(words.end(), {"-MD", "-MF", list});
  const auto began = std::chrono::steady_clock::now();
  const int exit_code = run(real, words);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  if (exit_code != 0) return exit_code;
  const std::string dependencies = content(list);
  const auto colon = dependencies.find(": ");
  write(recorded + ".d", colon == std::string::npos ? " \n" : dependencies.substr(colon + 1));
  write(recorded + ".out", content(compile.output));
  write(recorded + ".seconds", std::to_string(took.count()));
  fs::remove(list);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const Words words(argv + 1, argv + argc);
  const fs::path self = fs::read_symlink("/proc/self/exe");
  const std::string real = "/usr/bin/" + self.filename().string();
  const Compile compile = read(words);
  const bool compiles = std::find(words.begin(), words.end(), "-c") != words.end() && !compile.output.empty();
  const fs::path folder = self.parent_path() / "recording";
  if (!compiles || !fs::exists(folder)) become(real, words);
  const std::string recorded = (folder / key_of(compile)).string();
  if (fs::exists(recorded + ".seconds")) return sleep_and_repeat(compile, recorded);
  if (::access(folder.c_str(), W_OK) != 0) become(real, words);
  return record(real, compile, recorded);
}
