// Who may use this worker now: authorized_keys as it is, not as it was at the
// start.  A key whose line is taken out is refused within seconds.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/timestamp.h"
#include "common/system/filesystem.h"

namespace extfarm {

class Admission {
 public:
  // `keys` is what the file said when it was last read; `own_key` is what a file made anew would admit.
  Admission(std::string key_folder, std::string own_key, std::vector<std::string> keys);
  // The keys, when the file has changed since it was asked last.  A file that
  // is away or cannot be read admits nobody new and nobody less: a complaint.
  std::optional<std::vector<std::string>> changed(Timestamp now);
  bool admits(const std::string& key) const;
  // What is wrong with the file, once.
  std::optional<std::string> take_complaint();

 private:
  std::string key_folder_, own_key_;
  std::vector<std::string> keys_;
  std::optional<FileStamp> seen_;
  std::optional<Timestamp> looked_;
  std::optional<std::string> complaint_;
};

}  // namespace extfarm
