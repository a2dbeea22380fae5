// A compiler that stands for the cores of other machines: a compile that it has
// done before takes as long as then, but asleep.  Put it somewhere under the
// name of a compiler; the folder `recording` beside it keeps, for each compile,
//   KEY.seconds  how long it takes; a test may write another figure
//   KEY.out      what -o got
//   KEY.d        what was read, as a depfile's right side
// A compile that is not recorded is done, and recorded where that folder can be
// written.  Everything but compiles is done by the compiler of the same name on
// the default PATH.
//
// A source may say itself what its compile takes, at its beginning:
//   #pragma sleep SECONDS BYTES
// It takes so long, recorded or not, and -o gets so many bytes, which repeat
// that line.  So a compile of the preprocessed text, under another name, in
// another folder, from the standard input or within a chroot, is the same one.
// The variable SLEEPING_CORES names a fifo with a byte for each core of this
// host: such a compile waits until one is free.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
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
  std::string source, output, depfile;
};

struct Sleep {
  std::string line;
  double seconds = 0;
  std::size_t bytes = 0;
};

constexpr std::size_t kBeginning = 4096;  // of a source; lines of the preprocessor come first

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
    const bool is_value = i > 0 && (words[i - 1] == "-o" || words[i - 1] == "-x" || words[i - 1] == "--param");
    if (!is_value && (words[i] == "-" || !words[i].starts_with('-'))) out.source = words[i];
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

// What the source says of its compile.  The standard input is read to its end,
// for who writes it must not fail.
std::optional<Sleep> sleep_of(const std::string& source) {
  std::string beginning(kBeginning, '\0');
  const int fd = source == "-" ? STDIN_FILENO : ::open(source.c_str(), O_RDONLY | O_CLOEXEC);
  std::size_t filled = 0;
  for (ssize_t got = 1; got > 0 && filled < kBeginning; filled += got > 0 ? static_cast<std::size_t>(got) : 0)
    got = ::read(fd, beginning.data() + filled, kBeginning - filled);
  beginning.resize(filled);
  std::array<char, 65536> rest;
  if (fd == STDIN_FILENO)
    while (::read(fd, rest.data(), rest.size()) > 0) {
    }
  else if (fd >= 0)
    ::close(fd);
  std::istringstream lines(beginning);
  Sleep sleep;
  while (std::getline(lines, sleep.line))
    if (std::sscanf(sleep.line.c_str(), "#pragma sleep %lf %zu", &sleep.seconds, &sleep.bytes) == 2) return sleep;
  return std::nullopt;
}

int sleep_as_told(const Sleep& sleep, const Compile& compile) {
  const char* fifo = std::getenv("SLEEPING_CORES");
  const int cores = fifo == nullptr ? -1 : ::open(fifo, O_RDWR | O_CLOEXEC);
  char core = 0;
  if (fifo != nullptr && ::read(cores, &core, 1) != 1) {
    std::perror(fifo);
    return 1;
  }
  std::this_thread::sleep_for(std::chrono::duration<double>(sleep.seconds));
  if (fifo != nullptr && ::write(cores, &core, 1) != 1) std::perror(fifo);
  const std::string line = sleep.line + "\n";
  std::string bytes;
  while (bytes.size() < sleep.bytes) bytes += line;
  bytes.resize(sleep.bytes);
  const bool written = write(compile.output, bytes) &&
                       (compile.depfile.empty() || write(compile.depfile, compile.output + ": " + compile.source + "\n"));
  if (!written) std::fprintf(stderr, "sleeping compiler: cannot write %s\n", compile.output.c_str());
  return written ? 0 : 1;
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
  const Compile compile = read(words);
  const bool compiles = std::find(words.begin(), words.end(), "-c") != words.end() && !compile.output.empty();
  if (const auto sleep = compiles ? sleep_of(compile.source) : std::nullopt) return sleep_as_told(*sleep, compile);
  if (compiles && compile.source == "-") {
    std::fputs("sleeping compiler: the standard input does not begin with #pragma sleep\n", stderr);
    return 1;
  }
  const fs::path self = fs::read_symlink("/proc/self/exe");
  const std::string real = "/usr/bin/" + self.filename().string();
  const fs::path folder = self.parent_path() / "recording";
  if (!compiles || !fs::exists(folder)) become(real, words);
  const std::string recorded = (folder / key_of(compile)).string();
  if (fs::exists(recorded + ".seconds")) return sleep_and_repeat(compile, recorded);
  if (::access(folder.c_str(), W_OK) != 0) become(real, words);
  return record(real, compile, recorded);
}
