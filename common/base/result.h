// An expected failure as a value.  The message says what was attempted, on
// what, and what to do next.
#pragma once

#include <string>
#include <utility>

#include <tl/expected.hpp>

namespace extfarm {

enum class ErrorCode { kInvalid, kMalformed, kNotFound, kIo, kRefused, kUnavailable };

struct Error {
  ErrorCode code = ErrorCode::kInvalid;
  std::string message;
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> failure(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

}  // namespace extfarm
