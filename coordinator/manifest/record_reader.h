// Reads a JSON file that is a long list of flat objects (records), perhaps
// within an object (the top).  Fills the caller's variables, one record after
// the other; never holds two records, nor any tree.  Knows nothing of what the
// keys mean.  The only user of the JSON parser here.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/result.h"
#include "coordinator/manifest/byte_source.h"
#include "coordinator/manifest/record_place.h"

namespace extfarm::manifest {

struct Records {};  // the list of records itself

// Where the value of a key goes, and with that what it must be: a byte string
// (common/model/byte_strings.h), a list of them, names with byte strings, true
// or false, or a whole number.
using Target = std::variant<std::string*, std::vector<std::string>*, std::map<std::string, std::string>*,
                            bool*, std::uint64_t*, Records>;

struct Field {
  std::string_view name;
  Target target;
  bool required = false;
  bool never_empty = false;  // neither the string nor any in the list
  bool may_hold_nul = false;
  bool* given = nullptr;  // set to true when the key is there
  bool seen = false;      // the reader's own
};

struct Shape {
  std::vector<Field> top;  // empty: the file is a list of records
  std::vector<Field> record;
  bool ignores_unknown_keys = false;  // for files that are not ours
  std::string noun;                   // "action", for messages
  const std::string* name = nullptr;  // of the record at hand, for messages; may be empty
  std::string if_not_json;            // what to do when the file is something else
  // Called when all of the top that comes before the records was read.
  std::function<Result<void>()> top_is_read;
  // Called before a record is filled: forget the last one.
  std::function<void(const RecordPlace&)> begin_record;
  // Called with the whole record.  An error of `end_record` gets the record's
  // place in the file in front of it, one of `take_record` is returned as it is.
  std::function<Result<void>()> end_record, take_record;
};

// Stops at the first error.  Errors: kIo with the path; kMalformed as
// "FILE:LINE:COLUMN: action 3 ("id"): what is wrong; what to do".  The place is
// where the reading stopped: the end of the offending word, or the beginning of
// a record that is wrong as a whole.
Result<void> read_records(const std::string& path, Shape shape);
// Only the record that an earlier reading of the same bytes found there.
Result<void> read_record(ByteSource&, const RecordPlace&, Shape shape);

}  // namespace extfarm::manifest
