// Compiled once for each MPI: their mpi.h differ, their functions do not.
#include "mpi_module/module.h"

#define OMPI_SKIP_MPICXX 1  // the C functions alone
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <new>
#include <string>
#include <vector>

namespace {

// MPI's state is the process's, and so is this.
struct Messages {
  std::vector<MPI_Request> requests;  // under way
  std::vector<uint64_t> tickets;      // theirs
  std::vector<bool> is_receive;
  // Of the last poll.
  std::vector<int> indices;
  std::vector<MPI_Status> statuses;
  std::vector<TekioMpiDone> done;
};
Messages& messages() {
  static Messages all;
  return all;
}

int32_t fill(TekioMpiError* error, const std::string& text) {
  error->text[text.copy(error->text, sizeof error->text - 1)] = '\0';
  return 1;
}

int32_t answer(int code, const char* what, TekioMpiError* error) {
  if (code == MPI_SUCCESS) return 0;
  char text[MPI_MAX_ERROR_STRING + 1] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  return fill(error, std::string(what) + ": " + text);
}

template <typename Body>
int32_t guarded(TekioMpiError* error, const Body& body) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return fill(error, "there is not enough memory");
  } catch (...) {
    return fill(error, "something unknown was thrown");
  }
}

void enter(MPI_Request request, uint64_t ticket, bool is_receive) {
  Messages& all = messages();
  all.requests.push_back(request);
  all.tickets.push_back(ticket);
  all.is_receive.push_back(is_receive);
}

// The messages at `indices`, which rise, are taken out of those under way.
void take_out(int count) {
  Messages& all = messages();
  for (int i = count; i-- > 0;) {
    const auto at = static_cast<size_t>(all.indices[static_cast<size_t>(i)]);
    all.requests[at] = all.requests.back();
    all.tickets[at] = all.tickets.back();
    all.is_receive[at] = all.is_receive.back();
    all.requests.pop_back();
    all.tickets.pop_back();
    all.is_receive.pop_back();
  }
}

int32_t start(int32_t* rank, int32_t* size, TekioMpiError* error) {
  ::setenv("MPIR_CVAR_SUPPRESS_ABORT_MESSAGE", "1", 0);  // MPICH's: why all end has been said by then
  int provided = MPI_THREAD_SINGLE;
  if (const int code = MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided); code != MPI_SUCCESS)
    return answer(code, "MPI_Init_thread", error);
  if (provided < MPI_THREAD_FUNNELED) return fill(error, "this MPI has no support for threads");
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  int own = 0, all = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &own);
  MPI_Comm_size(MPI_COMM_WORLD, &all);
  *rank = own;
  *size = all;
  return 0;
}

int32_t poll(const TekioMpiDone** done, int64_t* count, TekioMpiError* error) {
  Messages& all = messages();
  all.done.clear();
  *done = all.done.data();
  *count = 0;
  if (all.requests.empty()) return 0;
  all.indices.resize(all.requests.size());
  all.statuses.resize(all.requests.size());
  int complete = 0;
  const int code = MPI_Testsome(static_cast<int>(all.requests.size()), all.requests.data(), &complete,
                                all.indices.data(), all.statuses.data());
  if (code == MPI_ERR_IN_STATUS && complete > 0) {
    for (int i = 0; i < complete; ++i)
      if (const int own = all.statuses[static_cast<size_t>(i)].MPI_ERROR; own != MPI_SUCCESS && own != MPI_ERR_PENDING)
        return answer(own, "a message", error);
  }
  if (code != MPI_SUCCESS) return answer(code, "MPI_Testsome", error);
  if (complete == MPI_UNDEFINED || complete == 0) return 0;
  for (int i = 0; i < complete; ++i) {
    const auto at = static_cast<size_t>(all.indices[static_cast<size_t>(i)]);
    int bytes = 0;
    if (all.is_receive[at]) MPI_Get_count(&all.statuses[static_cast<size_t>(i)], MPI_BYTE, &bytes);
    all.done.push_back({all.tickets[at], bytes});
  }
  std::sort(all.indices.begin(), all.indices.begin() + complete);
  take_out(complete);
  *done = all.done.data();
  *count = complete;
  return 0;
}

int32_t finish(TekioMpiError* error) {
  Messages& all = messages();
  for (size_t i = 0; i < all.requests.size(); ++i) {
    if (all.is_receive[i]) MPI_Cancel(&all.requests[i]);
    MPI_Request_free(&all.requests[i]);
  }
  all = {};
  return answer(MPI_Finalize(), "MPI_Finalize", error);
}

}  // namespace

extern "C" {

int32_t tekio_mpi_module_version(void) { return TEKIO_MPI_MODULE_VERSION; }

const char* tekio_mpi_library_version(void) {
  static char text[MPI_MAX_LIBRARY_VERSION_STRING + 1] = "";
  int length = 0;
  MPI_Get_library_version(text, &length);
  return text;
}

int32_t tekio_mpi_start(int32_t* rank, int32_t* size, TekioMpiError* error) {
  return guarded(error, [&] { return start(rank, size, error); });
}

int32_t tekio_mpi_send(int32_t to, int32_t tag, const void* bytes, int64_t count, uint64_t ticket,
                       TekioMpiError* error) {
  return guarded(error, [&]() -> int32_t {
    if (count > std::numeric_limits<int>::max()) return fill(error, "a message is too long");
    MPI_Request request = MPI_REQUEST_NULL;
    const int code = MPI_Isend(bytes, static_cast<int>(count), MPI_BYTE, to, tag, MPI_COMM_WORLD, &request);
    if (code == MPI_SUCCESS) enter(request, ticket, false);
    return answer(code, "MPI_Isend", error);
  });
}

int32_t tekio_mpi_receive(int32_t from, int32_t tag, void* room, int64_t count, uint64_t ticket, TekioMpiError* error) {
  return guarded(error, [&]() -> int32_t {
    if (count > std::numeric_limits<int>::max()) return fill(error, "a message is too long");
    MPI_Request request = MPI_REQUEST_NULL;
    const int code = MPI_Irecv(room, static_cast<int>(count), MPI_BYTE, from < 0 ? MPI_ANY_SOURCE : from, tag,
                               MPI_COMM_WORLD, &request);
    if (code == MPI_SUCCESS) enter(request, ticket, true);
    return answer(code, "MPI_Irecv", error);
  });
}

int32_t tekio_mpi_poll(const TekioMpiDone** done, int64_t* count, TekioMpiError* error) {
  return guarded(error, [&] { return poll(done, count, error); });
}

int32_t tekio_mpi_finish(TekioMpiError* error) {
  return guarded(error, [&] { return finish(error); });
}

void tekio_mpi_abort(int32_t code) { MPI_Abort(MPI_COMM_WORLD, code); }

}  // extern "C"
