// How long actions take and how fast hosts are, learned from what ended.
// Knows numbers only: no action, no worker, no time of day.
#pragma once

#include <cstdint>
#include <map>

namespace extfarm::scheduling {

// Corrects what the caller predicts.  A remembered duration is right up to one
// factor for the whole build (other flags, other hosts); a guess from size is
// corrected for each category by a power law, ln(actual) = a + b·ln(guess),
// least squares with a weak belief in a = 0, b = 1.
class Predictor {
 public:
  void learn(bool is_guess, std::uint32_t category, double predicted_seconds, double reference_seconds);
  double predict(bool is_guess, std::uint32_t category, double predicted_seconds) const;
  // True when predictions have moved so far since the last time it was true
  // that what was derived from them should be derived again.  At most once for
  // each doubling of what was learned.
  bool has_moved();

 private:
  struct Line {
    double weight = 0, x = 0, y = 0, xx = 0, xy = 0;  // sums
    double offset = 0, slope = 1, factor = 1;  // e to the offset
    double offset_then = 0, slope_then = 1;
    void add(double x_value, double y_value, double w);
    void fit(bool slope_is_known);
    double at(double x_value) const { return offset + slope * x_value; }
  };
  Line& line_of(bool is_guess, std::uint32_t category);

  std::map<std::uint64_t, Line> lines_;  // 0: remembered; category + 1: guesses
  std::uint64_t learned_ = 0, looked_again_at_ = 4;
};

// One host's speed relative to the fleet's mean; 1 until it has proved otherwise.
class Speed {
 public:
  // `known`: what earlier builds learned, 0 when nothing.
  explicit Speed(double known = 0);
  // predicted / actual of one run, against the fleet's own mean ratio.
  void learn(double relative, double weight);
  double value() const { return value_; }
  bool is_learned() const { return weight_ > 0; }
  // Hosts whose classes are equal are taken for equally fast.
  int speed_class() const;

 private:
  double prior_log_ = 0, prior_weight_;
  double sum_ = 0, weight_ = 0, value_ = 1;
};

double speed_of_class(int speed_class);

// The peak memory to expect of an action that has not run before.
class PeakMemory {
 public:
  void learn(std::uint32_t category, std::uint64_t bytes);
  std::uint64_t expect(std::uint32_t category, std::uint64_t otherwise) const;

 private:
  struct Seen {
    double mean = 0, deviation = 0;
    std::uint64_t count = 0;
  };
  std::map<std::uint32_t, Seen> seen_;
};

}  // namespace extfarm::scheduling
