// NCCL between threads. A group is queued on its stream and carried out when streams go on: what one rank sends
// goes once the other has asked for it. Calls return before they are done, as those of a communicator that does not
// block. What NCCL leaves undefined ends the program: a call while another is in progress, messages of two sizes,
// numbers that a stream may still be working on.
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "base/error.h"
#include "emulated_nccl.h"

namespace tekio {
namespace {

using nccl::Comm;
using nccl::Result;

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "emulated NCCL: %s\n", what);
  std::abort();
}

struct Message {
  const void* from = nullptr;
  void* to = nullptr;
  size_t count = 0;
  nccl::Type type{};
  int peer = 0;
  bool done = false;
};
using Messages = std::vector<std::shared_ptr<Message>>;

/// Those that were begun with one id.
struct Room {
  int size = 0, come = 0;
  std::map<std::pair<int, int>, std::deque<std::shared_ptr<Message>>> sent, wanted;  // by (from, to)
};

struct Fault {
  int rank = -1, groups = 0;
  Result result = Result::success;
};

struct {
  std::string missing;
  Fault fault;
  test::EmulatedTraffic traffic;
  int ids = 0;
  std::map<int, std::shared_ptr<Room>> rooms;
} state;

}  // namespace

struct nccl::CommState {
  std::shared_ptr<Room> room;
  int rank = 0;
  Fault fault;
  int progress = 0;  // how often it is still to say that it is in progress
  int groups = 0;
  bool is_finalized = false;
  std::shared_ptr<bool> is_aborted = std::make_shared<bool>(false);  // messages outlive it, as streams hold them
};

namespace {

struct Operation {
  Comm comm;
  bool sends;
  std::shared_ptr<Message> message;
  cudaStream_t stream;
};
thread_local int depth = 0;
thread_local std::vector<Operation> grouped;

Result failure_of(const nccl::CommState& comm) {
  return comm.fault.rank == comm.rank && comm.groups >= comm.fault.groups ? comm.fault.result : Result::success;
}

void use(Comm comm) {
  if (comm == nullptr || *comm->is_aborted || comm->is_finalized) die("a call of a communicator that has ended");
  if (comm->progress > 0) die("a call while another is in progress");
}

void carry_over(Room& room, int from, int to) {
  auto& sent = room.sent[{from, to}];
  auto& wanted = room.wanted[{from, to}];
  for (; !sent.empty() && !wanted.empty(); sent.pop_front(), wanted.pop_front()) {
    Message &one = *sent.front(), &other = *wanted.front();
    if (one.count != other.count || one.type != other.type) die("a message of another size than was wanted");
    const EmulatedDeviceAtWork at_work;
    std::memcpy(other.to, one.from, one.count * (one.type == nccl::Type::bfloat16 ? 2 : 4));
    one.done = other.done = true;
    state.traffic.numbers += one.count;
  }
}

/// One rank's part of a group, once it is at the front of its stream.
class Work {
 public:
  Work(Comm comm, std::vector<Operation> operations)
      : room_(comm->room), rank_(comm->rank), is_aborted_(comm->is_aborted), operations_(std::move(operations)) {}
  bool is_done() {
    if (*is_aborted_) {
      for (const Operation& one : operations_) withdraw(one);
      return true;
    }
    bool all = true;
    for (const Operation& one : operations_) {
      const auto way = way_of(one);
      if (!is_posted_) (one.sends ? room_->sent : room_->wanted)[way].push_back(one.message);
      carry_over(*room_, way.first, way.second);
    }
    is_posted_ = true;
    for (const Operation& one : operations_) all = all && one.message->done;
    return all;
  }

 private:
  std::pair<int, int> way_of(const Operation& one) const {
    return one.sends ? std::pair(rank_, one.message->peer) : std::pair(one.message->peer, rank_);
  }
  void withdraw(const Operation& one) {
    std::erase((one.sends ? room_->sent : room_->wanted)[way_of(one)], one.message);
  }

  std::shared_ptr<Room> room_;
  int rank_;
  std::shared_ptr<bool> is_aborted_;
  std::vector<Operation> operations_;
  bool is_posted_ = false;
};

Result version(int* code) {
  *code = 22809;
  return Result::success;
}

Result unique_id(nccl::UniqueId* id) {
  const EmulatedCall call;
  std::memset(id, 0, sizeof *id);
  const int number = ++state.ids;
  std::memcpy(id, &number, sizeof number);
  return Result::success;
}

Result init(Comm* comm, int ranks, nccl::UniqueId id, int rank, nccl::Config* config) {
  const EmulatedCall call;
  if (config->size != sizeof *config || config->magic != 0xCAFEBEEF || config->blocking != 0)
    return Result::invalid_argument;
  int number = 0;
  std::memcpy(&number, &id, sizeof number);
  auto& room = state.rooms[number];
  if (!room) room = std::make_shared<Room>();
  room->size = ranks;
  ++room->come;
  *comm = new nccl::CommState{.room = room, .rank = rank, .fault = state.fault, .progress = 3};
  return Result::in_progress;
}

Result async_error(Comm comm, Result* result) {
  const EmulatedCall call;
  if (comm == nullptr || *comm->is_aborted) die("a call of a communicator that has ended");
  *result = failure_of(*comm);
  if (*result != Result::success) return Result::success;
  if (comm->room->come < comm->room->size || (comm->progress > 0 && --comm->progress > 0))
    *result = Result::in_progress;
  return Result::success;
}

Result finalize(Comm comm) {
  const EmulatedCall call;
  use(comm);
  comm->is_finalized = true;
  comm->progress = 2;
  return Result::in_progress;
}

Result destroy(Comm comm) {
  const EmulatedCall call;
  if (!comm->is_finalized || comm->progress > 0) die("a communicator destroyed before its end");
  delete comm;
  return Result::success;
}

Result end_by_force(Comm comm) {
  const EmulatedCall call;
  *comm->is_aborted = true;
  delete comm;
  return Result::success;
}

const char* error_text(Result result) {
  switch (result) {
    case Result::remote_error:
      return "remote process exited or there was a network error";
    case Result::unhandled_cuda_error:
      return "unhandled cuda error";
    default:
      return "an emulated error";
  }
}

const char* last_error(Comm) { return ""; }

Result group_start() {
  ++depth;
  return Result::success;
}

Result group_end() {
  const EmulatedCall call;
  if (--depth > 0) return Result::success;
  std::vector<Operation> operations;
  operations.swap(grouped);
  if (operations.empty()) return Result::success;
  const Comm comm = operations.front().comm;
  use(comm);
  ++comm->groups;
  if (const Result failed = failure_of(*comm); failed != Result::success) return failed;
  ++state.traffic.groups;
  const cudaStream_t stream = operations.front().stream;
  emulated_require_order(stream);
  const auto work = std::make_shared<Work>(comm, std::move(operations));
  if (emulated_queue(stream, [work] { return work->is_done(); }) != cudaSuccess) return Result::unhandled_cuda_error;
  comm->progress = 2;
  return Result::in_progress;
}

Result add(Operation operation) {
  const EmulatedCall call;
  if (depth == 0) die("a message outside a group");
  if (operation.message->peer == operation.comm->rank) die("a message to itself");
  use(operation.comm);
  grouped.push_back(std::move(operation));
  return Result::success;
}

Result send(const void* numbers, size_t count, nccl::Type type, int to, Comm comm, cudaStream_t stream) {
  return add({comm, true, std::make_shared<Message>(Message{numbers, nullptr, count, type, to}), stream});
}

Result receive(void* numbers, size_t count, nccl::Type type, int from, Comm comm, cudaStream_t stream) {
  return add({comm, false, std::make_shared<Message>(Message{nullptr, numbers, count, type, from}), stream});
}

}  // namespace

const nccl::Functions& nccl::functions() {
  {
    const EmulatedCall call;
    if (!state.missing.empty()) fail(ErrorKind::io, "{}", state.missing);
  }
  static const Functions all = {version,    unique_id,  init,        async_error, finalize, destroy, end_by_force,
                                error_text, last_error, group_start, group_end,   send,     receive};
  return all;
}

namespace test {

void emulated_nccl_missing(const std::string& why) {
  const EmulatedCall call;
  state.missing = why;
}

void emulated_nccl_fail(int rank, int groups, nccl::Result result) {
  const EmulatedCall call;
  state.fault = {rank, groups, result};
}

EmulatedTraffic emulated_nccl_traffic() {
  const EmulatedCall call;
  return state.traffic;
}

}  // namespace test
}  // namespace tekio
