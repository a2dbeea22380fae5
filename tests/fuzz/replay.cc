// Stands in for libFuzzer where there is none: feeds every file of a folder to
// the target, each from memory of its exact size, and names it before, so that
// the last name printed is the one that failed.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "tests/fuzz/input.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: fuzz_NAME FOLDER\n", stderr);
    return 2;
  }
  std::error_code absent;
  std::vector<std::filesystem::path> files;
  for (std::filesystem::directory_iterator it(argv[1], absent), end; !absent && it != end; it.increment(absent))
    files.push_back(it->path());
  if (files.empty()) {
    std::fprintf(stderr, "no inputs in %s\n", argv[1]);
    return 1;
  }
  std::sort(files.begin(), files.end());
  LLVMFuzzerTestOneInput(nullptr, 0);
  for (const auto& file : files) {
    std::printf("%s\n", file.c_str());
    std::fflush(stdout);
    std::ifstream stream(file, std::ios::binary);
    const std::vector<std::uint8_t> bytes(std::istreambuf_iterator<char>(stream), {});
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  }
  return 0;
}
