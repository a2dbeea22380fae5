// The client's side of GNU make's jobserver: tokens of the make that started
// this process.  How many to have is the caller's to say.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "common/base/descriptor.h"
#include "common/base/result.h"

namespace extfarm {

class OuterJobserver {
 public:
  // The one that `makeflags` names.  Null when it names none.  Errors: kNotFound when
  // it is not open in this process, with what to do about it.
  static Result<std::unique_ptr<OuterJobserver>> find(const std::string& makeflags);
  ~OuterJobserver();  // gives all tokens back
  OuterJobserver(const OuterJobserver&) = delete;
  OuterJobserver& operator=(const OuterJobserver&) = delete;

  // Takes tokens, as far as there are any, or gives back, until it has `count`.
  // Does not wait.  Returns how many it has.
  std::size_t hold(std::size_t count);
  std::size_t held_count() const { return tokens_.size(); }
  // Readable when there is a token to be had.
  int fd() const { return read_end_.get(); }

 private:
  OuterJobserver(int read_end, int write_end) : read_end_(read_end), write_end_(write_end) {}
  void give_back(std::size_t count);
  // Opened anew: that they do not wait is nobody else's concern.
  Descriptor read_end_, write_end_;
  std::string tokens_;  // they differ with some makes, and are given back as they came
};

}  // namespace extfarm
