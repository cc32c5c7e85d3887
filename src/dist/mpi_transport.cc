#include "dist/mpi_transport.h"

#include <algorithm>

#include "base/error.h"
#include "base/library.h"
#include "mpi_module/module.h"

namespace tekio {
namespace {

struct Functions {
  decltype(&tekio_mpi_module_version) version;
  decltype(&tekio_mpi_library_version) library_version;
  decltype(&tekio_mpi_start) start;
  decltype(&tekio_mpi_send) send;
  decltype(&tekio_mpi_receive) receive;
  decltype(&tekio_mpi_poll) poll;
  decltype(&tekio_mpi_finish) finish;
  decltype(&tekio_mpi_abort) abort;
};

Functions load(const std::string& mpi) {
  const std::string place = find_own_module("libtekio_mpi_" + mpi + ".so", "TEKIO_MPI_MODULE");
  const bool is_there = place.find('/') != std::string::npos;  // what cannot be loaded then is what it needs
  const std::string needed = is_there
                                 ? fmt::format("{} (Debian: {})", shown_mpi(mpi), mpi == "mpich" ? mpi : "openmpi-bin")
                                 : "a Tekio that was built with it";
  try {
    const Functions functions =
        Library(place.c_str(), needed.c_str(), "this process cannot join the others")
            .table<Functions>(
                std::pair("tekio_mpi_module_version", &Functions::version),
                std::pair("tekio_mpi_library_version", &Functions::library_version),
                std::pair("tekio_mpi_start", &Functions::start), std::pair("tekio_mpi_send", &Functions::send),
                std::pair("tekio_mpi_receive", &Functions::receive), std::pair("tekio_mpi_poll", &Functions::poll),
                std::pair("tekio_mpi_finish", &Functions::finish), std::pair("tekio_mpi_abort", &Functions::abort));
    if (functions.version() == TEKIO_MPI_MODULE_VERSION) return functions;
  } catch (const Error& error) {
    fail(ErrorKind::comms, "{}", error.what());
  }
  fail(ErrorKind::comms,
       "{} is of another version of Tekio: set TEKIO_MPI_MODULE to the one that belongs to this program",
       printable(place, 300));
}

class MpiTransport final : public Transport {
 public:
  MpiTransport(const std::string& mpi, int expected_size) : mpi_(mpi), call_(load(mpi)) {
    TekioMpiError error{};
    int32_t own = 0, all = 0;
    check(call_.start(&own, &all, &error), error);
    rank_ = own;
    size_ = all;
    if (size_ != expected_size)
      fail(ErrorKind::comms,
           "the launcher started {} processes, but {} knows of {}: start them by {}'s own mpirun (srun: {}=pmix or "
           "{}=pmi2)",
           expected_size, shown_mpi(mpi), size_, shown_mpi(mpi), "--mpi", "--mpi");
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  void send(int to, int tag, std::span<const std::byte> bytes, uint64_t ticket) override {
    TekioMpiError error{};
    check(call_.send(to, tag, bytes.data(), static_cast<int64_t>(bytes.size()), ticket, &error), error);
  }
  void receive(int from, int tag, std::span<std::byte> room, uint64_t ticket) override {
    TekioMpiError error{};
    check(call_.receive(from, tag, room.data(), static_cast<int64_t>(room.size()), ticket, &error), error);
  }
  void poll(std::vector<Done>& done) override {
    const TekioMpiDone* found = nullptr;
    int64_t count = 0;
    TekioMpiError error{};
    check(call_.poll(&found, &count, &error), error);
    for (int64_t i = 0; i < count; ++i) done.push_back({found[i].ticket, static_cast<size_t>(found[i].bytes)});
  }
  void finish() override {
    TekioMpiError error{};
    check(call_.finish(&error), error);
  }
  void abort(int code) override { call_.abort(code); }

 private:
  void check(int32_t failed, const TekioMpiError& error) const {
    if (failed != 0) fail(ErrorKind::comms, "{} failed: {}", shown_mpi(mpi_), printable(error.text, 500));
  }

  const std::string mpi_;
  const Functions call_;
  int rank_ = 0, size_ = 1;
};

}  // namespace

OpenTransport mpi_transport(const std::string& mpi, int expected_size) {
  return [mpi, expected_size] { return std::make_unique<MpiTransport>(mpi, expected_size); };
}

std::string mpi_library_version(const std::string& mpi) {
  std::string words = load(mpi).library_version();  // "Open MPI v4.1.4, package: …", "MPICH Version:\t4.0.2\n…"
  words.resize(std::min(words.size(), words.find_first_of(",\n")));
  if (const size_t at = words.find("Version:\t"); at != std::string::npos)
    words.erase(at, std::string("Version:\t").size());
  return printable(words, 100);
}

std::string shown_mpi(const std::string& mpi) { return mpi == "openmpi" ? "Open MPI" : "MPICH"; }

}  // namespace tekio
