// The processes that work on one run together, as one of them sees them. Sums are taken in an order that depends on the
// ranks alone, so the same bits come out in every run, on every rank, by every engine.
//
//   auto ranks = alone();                                  // or as the launcher started us: join.h
//   ranks->begin_sum(gradients_of_last_layer, givers);     // goes on beside what is computed next
//   ranks->begin_sum(gradients_of_first_layer, givers);
//   ranks->wait();
//
// Every rank calls the same functions in the same order with the same sizes. Each may throw an Error of kind comms,
// which names the rank that is missing, once nothing was heard of it for Limits::silence_seconds; a rank that lives is
// waited for. All functions are to be called from one thread at a time.
//
// Numbers that were begun with are read and written until wait() returns, or throws; who throws in between calls
// leave() before their memory goes.
#pragma once

#include <tekio/error.h>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tekio {

/// What numbers are sent as. bf16 halves the bytes: each rank's numbers are rounded before they are summed, and the sum
/// once more.
enum class Wire { f32, bf16 };

/// Which rank has which part of a row of numbers, of which a rank may have several, or none: parts follow each other
/// and cover all.
struct Part {
  size_t end;  ///< it begins where the one before ends
  int rank;
  bool operator==(const Part&) const = default;
};
using Parts = std::vector<Part>;
/// A part for each rank, as even as blocks of 1,024 allow.
Parts even_parts(size_t count, int ranks);

/// Tells the user why nothing goes on. One rank is enough for that: rank 0 does it as soon as it knows, and the others
/// end only when they have heard that it did, as launchers end all processes when one has ended so. Called by another
/// thread, at most once.
using Say = std::function<void(const std::string& why)>;

/// How long other ranks are waited for.
struct Limits {
  double silence_seconds = 20;  ///< without a sign of life of one
  double start_seconds = 25;    ///< until all have come
  double saying_seconds = 3;    ///< for rank 0 to tell the user why nothing goes on
  /// For the process to end itself, or the Communicator, once nothing goes on. Then it is ended where it stands, with
  /// the exit code of what ended all: it may be held up where nothing reaches it. 0: it is left to itself.
  double leaving_seconds = 0;
};

/// Processes that work together, and those of them that share this one's memory, itself included: of one machine and
/// host name. Containers have names, and limits, of their own.
struct RankCount {
  int all = 1, here = 1;
};

/// The most bytes that sums of gradients, so many bytes of them, take beside these: pieces on their way.
int64_t exchange_bytes(int64_t gradient_bytes, RankCount ranks, Wire wire);

class Communicator {
 public:
  /// Waits for the others to come to the same end; a rank that has left, or was left, does not wait.
  virtual ~Communicator() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual RankCount count() const = 0;
  /// This rank's number among those that count().here counts.
  virtual int number_here() const = 0;
  /// Processors that this rank may count on: those that it may run on, each divided by the ranks that may use it too.
  virtual int processors() const = 0;

  /// Begins to sum `numbers` over the first `givers` ranks, element by element in a binary tree, ((0 + 1) + (2 + 3)) +
  /// …, where a rank without a neighbour is passed on as it is. What stands in the others' numbers is not added. All
  /// ranks get the sum. Until wait() nobody may touch `numbers`.
  virtual void begin_sum(std::span<float> numbers, int givers, Wire wire = Wire::f32) = 0;
  /// The same, but each rank gets only its own parts of the sum; what stands in the rest is then undefined. Half the
  /// bytes of a sum that all get.
  virtual void begin_shared_sum(std::span<float> numbers, const Parts& parts, int givers, Wire wire = Wire::f32) = 0;
  /// Begins to give every rank's parts of `numbers` to all others.
  virtual void begin_exchange_of_shares(std::span<float> numbers, const Parts& parts) = 0;
  /// Returns when all that was begun is done.
  virtual void wait() = 0;

  /// Every rank's record, in the order of the ranks; they may differ in size, and be empty. Waits for the records
  /// alone: sums that were begun before go on.
  virtual std::vector<std::string> gather(std::string_view own) = 0;
  /// Rank 0's record; what the others give is not looked at.
  virtual std::string broadcast(std::string_view of_rank_0) = 0;

  /// Throws what any other function would throw now, where not all ranks go on. For whoever waits for something else
  /// that needs them all, also on a thread of its own.
  virtual void check() const = 0;
  /// Limits::silence_seconds, after which that is known of a rank that is missing.
  virtual double silence_seconds() const = 0;

  /// Tells the others why this rank goes no further: whatever they wait for then throws `why` (comms), and so does
  /// whatever this rank calls afterwards. Never throws, and returns within five seconds.
  virtual void leave(std::string_view why, ErrorKind kind = ErrorKind::comms) noexcept = 0;
  /// What rank 0 has told its user of the end of all (Say); empty: nothing, or that did not come here in time.
  virtual std::string said() const = 0;
  /// What ended all, once this rank has left or was left: the kind that the rank gave which left first, as rank 0 knows
  /// it; comms where one is missing.
  virtual ErrorKind ended_by() const = 0;
  /// Waits for the others to come to the same end, after which no other function may be called. Errors: comms (one
  /// has left instead).
  virtual void finish() = 0;
  /// Where ranks do not come to their end in order: ends all processes of the launch with this exit code, each where
  /// it is. May not return; without effect where finish() has returned.
  virtual void end_all(int code) noexcept = 0;
};

/// One process that works alone: sums are there already.
std::unique_ptr<Communicator> alone();

}  // namespace tekio
