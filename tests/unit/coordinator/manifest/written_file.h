// A folder of its own for each test, with files to read, and all steps of one.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "coordinator/manifest/compilation_database.h"
#include "coordinator/manifest/manifest.h"

namespace extfarm::manifest {

class WrittenFile : public testing::Test {
 protected:
  WrittenFile() {
    char name[] = "/tmp/extfarm-manifest-XXXXXX";
    folder_ = ::mkdtemp(name);
    path_ = folder_ + "/build.json";
  }
  ~WrittenFile() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& bytes) const { std::ofstream(path_, std::ios::binary) << bytes; }

  // The steps, and in `header_` what holds for all.
  Result<std::vector<Step>> manifest(const std::string& bytes) {
    write(bytes);
    std::vector<Step> steps;
    const auto read = read_manifest(path_, keep_in(steps));
    if (!read) return tl::unexpected(read.error());
    return steps;
  }
  Result<std::vector<Step>> manifest_of(const std::string& actions) {
    return manifest("{\"schema\": 1, \"actions\": [" + actions + "]}");
  }
  Result<std::vector<Step>> database(const std::string& bytes) {
    write(bytes);
    std::vector<Step> steps;
    const auto read = read_compilation_database(path_, keep_in(steps));
    if (!read) return tl::unexpected(read.error());
    return steps;
  }
  TakeStep keep_in(std::vector<Step>& steps) {
    return [this, &steps](const Header& header, Step&& step) -> Result<void> {
      header_ = header;
      steps.push_back(std::move(step));
      return {};
    };
  }
  // The error's message without the path in front.
  template <class T>
  std::string complaint(const Result<T>& result) const {
    if (result) return "no error";
    EXPECT_EQ(result.error().code, ErrorCode::kMalformed);
    EXPECT_TRUE(result.error().message.starts_with(path_ + ":")) << result.error().message;
    return result.error().message.substr(path_.size() + 1);
  }

  std::string folder_, path_;
  Header header_;
};

}  // namespace extfarm::manifest
