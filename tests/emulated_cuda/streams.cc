// Streams, events and graphs of the emulated devices: what is done when, and after what.
#include "streams.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

// What streams were given while they were captured, each piece for the lane of its stream; lane 0 is that of the stream
// which the capture began with. A piece without work waits for what a lane was given before.
struct EmulatedGraph {
  struct Piece {
    size_t lane;
    std::function<void()> work;
    size_t awaited_lane, awaited;  // pieces of that lane
  };
  std::vector<Piece> pieces;
  std::vector<size_t> given;  // to each lane

  void add(Piece piece) {
    ++given[piece.lane];
    pieces.push_back(std::move(piece));
  }
  // Whether lane 0 waits for the ends of all others.
  bool is_joined() const {
    std::vector<size_t> awaited(given.size(), 0);
    for (const Piece& piece : pieces)
      if (piece.lane == 0 && !piece.work) awaited[piece.awaited_lane] = piece.awaited;
    return std::equal(given.begin() + 1, given.end(), awaited.begin() + 1);
  }
  // Each lane goes as far as it can before the next does: from the first on, or from the last on.
  void run(bool from_the_last) const {
    std::vector<std::deque<const Piece*>> lanes(given.size());
    for (const Piece& piece : pieces) lanes[piece.lane].push_back(&piece);
    std::vector<size_t> done(given.size(), 0);
    for (size_t turn = 0, idle = 0; idle < lanes.size(); ++turn) {
      const size_t lane = from_the_last ? lanes.size() - 1 - turn % lanes.size() : turn % lanes.size();
      ++idle;
      for (auto& left = lanes[lane]; !left.empty(); left.pop_front(), ++done[lane], idle = 0) {
        if (left.front()->work)
          left.front()->work();
        else if (done[left.front()->awaited_lane] < left.front()->awaited)
          break;
      }
    }
  }
};
// What a stream is given waits until somebody waits for something, as it may on a device: what the host does too early
// shows.
struct EmulatedStream {
  struct Piece {
    std::function<bool()> work;  // is called until it is done
    bool computes;               // or waits for others
  };
  int device = 0;
  std::deque<Piece> work = {};
  std::shared_ptr<uint64_t> done = std::make_shared<uint64_t>(0);  // pieces so far
  std::map<EmulatedStream*, uint64_t> after = {};  // of others of its device: how many of theirs it comes after
  std::shared_ptr<EmulatedGraph> graph = nullptr;  // that it is being captured in
  size_t lane = 0;                                 // of that

  uint64_t given() const { return *done + work.size(); }
};
// Comes after so many of a stream's pieces; at once, where it was never recorded.
struct EmulatedEvent {
  int device = 0;
  EmulatedStream* stream = nullptr;
  std::shared_ptr<const uint64_t> done = nullptr;  // of the stream, which may be gone
  uint64_t after = 0;
  std::map<EmulatedStream*, uint64_t> known = {};        // what the stream came after
  std::shared_ptr<const EmulatedGraph> graph = nullptr;  // that it was recorded in
  size_t lane = 0, given = 0;                            // to that

  bool has_come() const { return done == nullptr || *done >= after; }
};

namespace {

std::recursive_mutex calls;
std::set<EmulatedStream*> streams;
thread_local EmulatedStream* capturing = nullptr;
int graph_launches = 0, graphs = 0, pieces_beside = 0;
bool refuses_capture = false;

cudaError_t failure = cudaSuccess;
// All streams do what they can, in one order or the other.
void go_on() {
  static bool from_the_last = false;
  std::vector<EmulatedStream*> all(streams.begin(), streams.end());
  if (from_the_last = !from_the_last; from_the_last) std::ranges::reverse(all);
  std::optional<EmulatedDeviceAtWork> at_work;
  for (bool moved = true; moved;) {
    moved = false;
    for (EmulatedStream* stream : all)
      for (auto& work = stream->work; !work.empty(); moved = true) {
        if (work.front().computes && !at_work) at_work.emplace();
        if (failure == cudaSuccess && !work.front().work()) break;  // after a kernel that failed nothing is done
        work.pop_front();
        ++*stream->done;
      }
  }
}

// Lets them until what `has_come` asks for is there.
template <typename HasCome>
cudaError_t look_until(const HasCome& has_come) {
  if (capturing != nullptr) return cudaErrorStreamCaptureUnsupported;
  for (;; std::this_thread::sleep_for(std::chrono::microseconds(20))) {
    const EmulatedCall call;
    go_on();
    if (has_come()) return failure;
  }
}

}  // namespace

EmulatedCall::EmulatedCall() { calls.lock(); }
EmulatedCall::~EmulatedCall() { calls.unlock(); }

cudaError_t emulated_state() { return capturing != nullptr ? cudaErrorStreamCaptureUnsupported : failure; }
void emulated_fail(cudaError_t error) { failure = error; }
int emulated_device_of(cudaStream_t stream) { return stream->device; }
void emulated_finish(std::optional<int> device) {
  look_until([&] {
    return std::ranges::all_of(streams, [&](auto* stream) { return stream->device != device || stream->work.empty(); });
  });
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  const EmulatedCall call;
  *stream = new EmulatedStream{.device = emulated_current_device};
  streams.insert(*stream);
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const EmulatedCall call;
  if (stream == nullptr) return cudaErrorInvalidValue;
  if (!stream->work.empty()) emulated_die("a stream was destroyed that is at work");
  streams.erase(stream);
  for (EmulatedStream* other : streams) other->after.erase(stream);
  delete stream;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return look_until([&] { return stream->work.empty(); });
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new EmulatedEvent{.device = emulated_current_device};
  return failure;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const EmulatedCall call;
  if (event->device != stream->device) return cudaErrorInvalidDevice;
  event->graph = stream->graph;
  if (stream->graph != nullptr) {
    event->lane = stream->lane;
    event->given = stream->graph->given[stream->lane];
    return failure;
  }
  event->stream = stream;
  event->done = stream->done;
  event->after = stream->given();
  event->known = stream->after;
  return emulated_state();
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return look_until([&] { return event->has_come(); });
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  const EmulatedCall call;
  go_on();
  if (emulated_state() != cudaSuccess) return emulated_state();
  return event->has_come() ? cudaSuccess : cudaErrorNotReady;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  const EmulatedCall call;
  if (event->graph != nullptr) {
    if (stream->graph == nullptr && capturing != nullptr &&
        event->graph == capturing->graph) {  // it is captured, too, from here on
      stream->graph = capturing->graph;
      stream->lane = stream->graph->given.size();
      stream->graph->given.push_back(0);
    }
    if (stream->graph != event->graph) return cudaErrorStreamCaptureUnsupported;
    stream->graph->add({stream->lane, {}, event->lane, event->given});
    return failure;
  }
  const auto come_after = [&](EmulatedStream* other, uint64_t given) {
    uint64_t& after = stream->after[other];
    after = std::max(after, given);
  };
  if (event->stream != nullptr) come_after(event->stream, event->after);
  for (const auto& [other, given] : event->known)
    if (other != stream) come_after(other, given);
  return emulated_queue(stream, [recorded = *event] { return recorded.has_come(); });
}
cudaError_t emulated_work(cudaStream_t stream, std::function<void()> work) {
  const EmulatedCall call;
  if (stream->device != emulated_current_device) return cudaErrorInvalidDevice;
  if (stream->graph != nullptr) {
    stream->graph->add({stream->lane, std::move(work), 0, 0});
    return cudaSuccess;
  }
  const auto once = [work = std::move(work)] {
    work();
    return true;
  };
  if (failure == cudaSuccess) stream->work.push_back({once, true});
  return failure;
}
cudaError_t emulated_queue(cudaStream_t stream, std::function<bool()> work) {
  const EmulatedCall call;
  if (stream->graph != nullptr) return cudaErrorStreamCaptureUnsupported;
  if (failure == cudaSuccess) stream->work.push_back({std::move(work), false});
  return failure;
}
void emulated_require_order(cudaStream_t stream) {
  const EmulatedCall call;
  for (EmulatedStream* other : streams)
    if (other != stream && other->device == stream->device && stream->after[other] < other->given())
      emulated_die("a stream does not wait for what its numbers come from");
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  const EmulatedCall call;
  if (capturing != nullptr || refuses_capture) return cudaErrorStreamCaptureUnsupported;
  capturing = stream;
  stream->graph = std::make_shared<EmulatedGraph>();
  stream->graph->given = {0};
  stream->lane = 0;
  return failure;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const EmulatedCall call;
  capturing = nullptr;
  const std::shared_ptr<EmulatedGraph> made = stream->graph;
  for (EmulatedStream* other : streams)
    if (other->graph == made) other->graph = nullptr;
  *graph = nullptr;
  if (!made->is_joined()) return cudaErrorStreamCaptureUnjoined;
  *graph = new EmulatedGraph(*made);
  return failure;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long) {
  const EmulatedCall call;
  *executable = new EmulatedGraph(*graph);
  ++graphs;
  return failure;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  const EmulatedCall call;
  const bool from_the_last = ++graph_launches % 2 == 0;
  for (const EmulatedGraph::Piece& piece : executable->pieces) pieces_beside += piece.lane != 0 && piece.work;
  return emulated_work(stream, [graph = *executable, from_the_last] { graph.run(from_the_last); });
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  const EmulatedCall call;
  delete executable;
  --graphs;
  return cudaSuccess;
}
int emulated_graph_launches() {
  const EmulatedCall call;
  return graph_launches;
}
int emulated_pieces_beside() {
  const EmulatedCall call;
  return pieces_beside;
}
int emulated_graphs() {
  const EmulatedCall call;
  return graphs;
}
void emulated_refuse_capture(bool refuse) { refuses_capture = refuse; }
