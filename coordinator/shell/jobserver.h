// The server's side of GNU make's jobserver: a pipe of tokens, and the words of
// MAKEFLAGS that name it.  How many tokens there should be is the caller's to say.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "common/base/descriptor.h"
#include "common/base/result.h"

namespace extfarm {

class Jobserver {
 public:
  // With no token.  Errors: kIo.
  static Result<std::unique_ptr<Jobserver>> open();

  // The command must have these, under the same numbers.
  std::vector<int> descriptors() const { return {read_end_.get(), write_end_.get()}; }
  // `inherited` (a MAKEFLAGS) with this jobserver in place of the one it names.
  std::string makeflags(const std::string& inherited, std::size_t most_jobs) const;
  // Where a client that has not inherited the descriptors opens the pipe, for
  // either direction; ninja knows no other way.
  std::string path() const;
  // At least 1: that many jobs may be under way from now on, with the one that
  // needs no token.  A token is only taken back when its holder has returned it.
  void allow(std::size_t jobs);
  // How many more tokens are out than allow() said.  What comes back is to be
  // taken: fd() is to be watched then, and allow() to be called again.
  std::size_t owed_count() const { return token_count_ - std::min(token_count_, allowed_tokens_); }
  // Readable when a token lies there.
  int fd() const { return own_read_end_.get(); }
  // Jobs that clients have under way now, the one without a token counted as one.
  std::size_t jobs_under_way() const;

 private:
  Jobserver(int read_end, int write_end, int own_read_end)
      : read_end_(read_end), write_end_(write_end), own_read_end_(own_read_end) {}
  Descriptor read_end_, write_end_;
  // The clients' own waits for its data, or does not, as they please; this one never.
  Descriptor own_read_end_;
  std::size_t token_count_ = 0, allowed_tokens_ = 0;
};

}  // namespace extfarm
