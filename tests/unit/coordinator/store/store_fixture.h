// A store in a folder of its own, and results to put into it.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/store/store.h"

namespace extfarm::store {

namespace fs = std::filesystem;

inline constexpr std::uint64_t kPlentyBytes = 1 << 30;

// Bytes that do not compress, the same for the same seed.
inline std::string noise(std::size_t size_bytes, unsigned seed) {
  std::string out(size_bytes, '\0');
  std::uint64_t state = seed * 2654435761u + 1;
  for (char& c : out) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    c = static_cast<char>(state >> 56);
  }
  return out;
}

// nullopt for a success.
template <class T>
std::optional<ErrorCode> code_of(const Result<T>& result) {
  return result ? std::nullopt : std::optional(result.error().code);
}

class StoreFixture : public testing::Test {
 protected:
  StoreFixture() {
    char name[] = "/tmp/extfarm-store-XXXXXX";
    base_ = ::mkdtemp(name);
    folder_ = base_ + "/store";
  }
  ~StoreFixture() override { fs::remove_all(base_); }

  std::unique_ptr<Store> open(std::uint64_t limit_bytes = kPlentyBytes, const StorePolicy& policy = {}) {
    auto opened = Store::open(folder_, limit_bytes, policy);
    EXPECT_TRUE(opened) << (opened ? "" : opened.error().message);
    return opened ? std::move(*opened) : nullptr;
  }
  static AttestedOutput file(const std::string& path, const std::string& content) {
    return {path, OutputKind::kFile, 0644, content.size(), digest_of(content), ""};
  }
  // What one compile of `source` gives: one input, one object file.
  static StoredResult compiled(const std::string& source, const std::string& object) {
    StoredResult out;
    out.inputs = {{"/src/a.c", digest_of(source)}};
    out.outputs = {file("/src/a.o", object)};
    return out;
  }
  static void add(Store& store, const std::string& key, const std::string& source,
                  const std::string& object) {
    const auto added = store.add(digest_of(key), compiled(source, object), {object});
    ASSERT_TRUE(added) << added.error().message;
  }
  static Result<std::string> content(Store& store, const std::string& bytes) {
    return store.content(digest_of(bytes), bytes.size());
  }

  std::string path_in(const char* part, const Digest& digest) const {
    return folder_ + "/" + part + "/" + to_hex(digest).substr(0, 2) + "/" + to_hex(digest);
  }
  std::string object_path(const std::string& content) const { return path_in("objects", digest_of(content)); }
  std::string results_path(const std::string& key) const { return path_in("results", digest_of(key)); }

  // Every file below the store, but for its sums.
  std::vector<std::string> files() const {
    std::vector<std::string> out;
    for (const auto& entry : fs::recursive_directory_iterator(folder_))
      if (!entry.is_directory() && entry.path().filename() != "sums") out.push_back(entry.path().string());
    std::sort(out.begin(), out.end());
    return out;
  }
  static std::string bytes_of(const std::string& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  static void write(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  }
  static std::int64_t age_of(const std::string& path) {
    struct stat st {};
    EXPECT_EQ(::stat(path.c_str(), &st), 0) << path;
    return std::time(nullptr) - st.st_mtim.tv_sec;
  }
  static void make_older(const std::string& path, std::int64_t seconds) {
    const timespec then{std::time(nullptr) - seconds, 0};
    const timespec times[2] = {then, then};
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0) << path;
  }
  static std::uint32_t mode_of(const std::string& path) {
    struct stat st {};
    EXPECT_EQ(::stat(path.c_str(), &st), 0) << path;
    return st.st_mode & 07777;
  }
  // Waits for the process with exit_status().
  static int in_child(const std::function<int()>& body) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(body());
    return child;
  }
  static int exit_status(pid_t child) {
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  // As a user who may only do what everybody may; root may do anything.
  static bool become_nobody() { return ::geteuid() != 0 || ::setuid(65534) == 0; }
  std::string base_, folder_;
};

}  // namespace extfarm::store
