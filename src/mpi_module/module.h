/* What libtekio_mpi_openmpi.so and libtekio_mpi_mpich.so export: messages between processes by one MPI each. They are
   modules of their own so that the program is built for both, and starts where there is none. One thread makes all
   calls; none but start and finish waits. Plain C; no exception leaves it. */
#ifndef TEKIO_MPI_MODULE_MODULE_H
#define TEKIO_MPI_MODULE_MODULE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Differs where the functions here do. */
#define TEKIO_MPI_MODULE_VERSION 2

#define TEKIO_MPI_EXPORT __attribute__((visibility("default")))

/* What went wrong: zero-terminated, cut where it is longer. */
typedef struct TekioMpiError {
  char text[1024];
} TekioMpiError;

/* A message that is done: sent, or received with so many bytes. */
typedef struct TekioMpiDone {
  uint64_t ticket;
  int64_t bytes;
} TekioMpiDone;

/* TEKIO_MPI_MODULE_VERSION. */
TEKIO_MPI_EXPORT int32_t tekio_mpi_module_version(void);
/* MPI's own words, before start as well: "Open MPI v4.1.4, package: …". */
TEKIO_MPI_EXPORT const char* tekio_mpi_library_version(void);

/* The functions below return 0, or fill `error`. */

/* Once in a process: waits until all processes of the launch are there. */
TEKIO_MPI_EXPORT int32_t tekio_mpi_start(int32_t* rank, int32_t* size, TekioMpiError* error);
TEKIO_MPI_EXPORT int32_t tekio_mpi_send(int32_t to, int32_t tag, const void* bytes, int64_t count, uint64_t ticket,
                                        TekioMpiError* error);
/* `from` -1: any rank. */
TEKIO_MPI_EXPORT int32_t tekio_mpi_receive(int32_t from, int32_t tag, void* room, int64_t count, uint64_t ticket,
                                           TekioMpiError* error);
/* What was done since; `done` holds until the next call. */
TEKIO_MPI_EXPORT int32_t tekio_mpi_poll(const TekioMpiDone** done, int64_t* count, TekioMpiError* error);
/* All ranks come to it at once; what is still to be received is given up. */
TEKIO_MPI_EXPORT int32_t tekio_mpi_finish(TekioMpiError* error);
/* Ends all processes of the launch with this exit code; may not return. */
TEKIO_MPI_EXPORT void tekio_mpi_abort(int32_t code);

#ifdef __cplusplus
}
#endif

#endif
