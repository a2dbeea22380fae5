// Runs Slurm's own commands, one after the other.  Knows no policy.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/process/process_runner.h"
#include "coordinator/clusters/slurm_words.h"

namespace extfarm::clusters {

class SlurmClient {
 public:
  // `find`: the path of a program, or nothing.  Errors: kNotFound, with what is to be installed.
  static Result<SlurmClient> open(const std::function<std::string(const std::string&)>& find,
                                  const std::map<std::string, std::string>& environment);

  // What the commands print.  Errors: kRefused, with the command's own words; kUnavailable
  // when it does not end within 20 seconds.
  Result<std::vector<SlurmJob>> queue(const std::string& job_name, const std::string& user);
  // The id of the array.
  Result<std::string> submit(const SlurmJobRequest&, std::uint32_t count);
  Result<void> drain(const std::vector<std::string>& ids);
  Result<void> cancel(const std::vector<std::string>& ids);
  // Asked once; 1 when it cannot be had.
  std::uint32_t most_in_array();

 private:
  SlurmClient() = default;
  Result<std::string> run(const Words&, const std::string& input = {});

  std::map<std::string, std::string> programs_;  // paths by names
  std::vector<std::pair<std::string, std::string>> environment_;
  std::uint32_t most_in_array_ = 0;
};

}  // namespace extfarm::clusters
