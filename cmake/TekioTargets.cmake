# tekio_options: the compiler flags that everything of ours is built with.
add_library(tekio_options INTERFACE)
target_compile_features(tekio_options INTERFACE cxx_std_20)
set(host -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wno-missing-field-initializers
         $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>  # GCC 12 sees overlaps in std::string that are not there (GCC bug 105329)
         # Sums and products are rounded as written: several results must equal the reference's to the last bit.
         -ffp-contract=off -fno-math-errno
         # No path of the machine that built it stands in a binary: assertions name files from the source tree's root.
         -ffile-prefix-map=${PROJECT_SOURCE_DIR}/=)
target_compile_options(tekio_options INTERFACE "$<$<COMPILE_LANGUAGE:C,CXX>:${host}>"
                       # CMake 3.25 knows no C++20 of nvcc's. constexpr functions are for kernels too; fmt 9 must be told that nvcc knows
                       # constexpr.
                       "$<$<COMPILE_LANGUAGE:CUDA>:-std=c++20;--expt-relaxed-constexpr;-DFMT_USE_CONSTEXPR=1>"
                       "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-ffp-contract=off,-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=>")
if(TEKIO_SANITIZE)
  # Accesses beyond an object are the address sanitizer's to find: looking for them by object-size, too, takes clang a tenth longer.
  target_compile_options(tekio_options INTERFACE
                         "$<$<COMPILE_LANGUAGE:C,CXX>:-fsanitize=${TEKIO_SANITIZE};-fno-sanitize=object-size;-fno-sanitize-recover=all;-fno-omit-frame-pointer>")
  target_link_options(tekio_options INTERFACE -fsanitize=${TEKIO_SANITIZE})
endif()

# tekio_test_options: the same for test code, which is compiled often and runs once. Optimising it takes longer than it saves.
add_library(tekio_test_options INTERFACE)
target_link_libraries(tekio_test_options INTERFACE tekio_options)
target_compile_options(tekio_test_options INTERFACE -O0)

# tekio_cold(TARGET): what runs once or once an update, and has no loop over elements. Optimising it further costs the
# compiler a quarter more and gains nothing; no rounding depends on it.
function(tekio_cold target)
  target_compile_options(${target} PRIVATE "$<$<CONFIG:Release>:-O1>")
endfunction()

# tekio_is_joined(VARIABLE): whether files are compiled for a build that is made once, rather than for one that is changed all the time.
function(tekio_is_joined variable)
  set(joined ${TEKIO_UNITY})
  if(joined STREQUAL "AUTO")
    set(joined OFF)
    if(NOT CMAKE_CXX_COMPILER_LAUNCHER AND CMAKE_BUILD_TYPE STREQUAL "Release")
      set(joined ON)
    endif()
  endif()
  set(${variable} ${joined} PARENT_SCOPE)
endfunction()

# tekio_join(TARGET): compiles ten files as one, so that what they share (nlohmann-json's and fmt's templates above all) is read and
# instantiated once: a fresh build takes two thirds of the time. A compiler cache and whoever changes one file are better served without: so
# are development builds made, and those see which includes a file lacks.
function(tekio_join target)
  tekio_is_joined(joined)
  if(joined)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 10)
  endif()
endfunction()

# tekio_room(NAME SOURCES a.cc b.cc USES base text LINKS fmt::fmt)
# A room of the house: a folder of src/ as an object library. USES names rooms to its left (scripts/checks/check_layers.py holds
# the order); LINKS names outside libraries. All rooms end up in the one library `tekio`.
function(tekio_room name)
  cmake_parse_arguments(room "" "" "SOURCES;USES;LINKS" ${ARGN})
  add_library(tekio_${name} OBJECT ${room_SOURCES})
  target_include_directories(tekio_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
  set_target_properties(tekio_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_link_libraries(tekio_${name} PUBLIC ${room_LINKS} PRIVATE tekio_options)
  set(closure ${name})
  foreach(used IN LISTS room_USES)
    get_property(rooms_behind GLOBAL PROPERTY TEKIO_ROOM_${used})
    list(APPEND closure ${rooms_behind})
    target_link_libraries(tekio_${name} PUBLIC tekio_${used})
  endforeach()
  list(REMOVE_DUPLICATES closure)
  set_property(GLOBAL PROPERTY TEKIO_ROOM_${name} ${closure})  # this room and all that it stands on
  target_sources(tekio PRIVATE $<TARGET_OBJECTS:tekio_${name}>)
  target_link_libraries(tekio PRIVATE ${room_LINKS})
endfunction()

# tekio_share_headers(TARGET): a test program reads what nearly all tests include (tests/CMakeLists.txt) once with all others.
function(tekio_share_headers target)
  if(TARGET tekio_test_headers)
    target_precompile_headers(${target} REUSE_FROM tekio_test_headers)
  endif()
endfunction()

# tekio_test(NAME ROOMS text base SOURCES a_test.cc): a GoogleTest program over some rooms, run by ctest with label NAME.
# EMULATED_CUDA: the test itself brings what stands behind the doors of the CUDA back end and of sums between GPUs.
# Tests find golden files at TEKIO_GOLDEN_DIR and large optional data at $TEKIO_DATA (skipped visibly where it is not set).
function(tekio_test name)
  cmake_parse_arguments(test "EMULATED_CUDA" "" "ROOMS;SOURCES;LINKS" ${ARGN})
  set(target tekio_${name}_test)
  add_executable(${target} ${test_SOURCES})
  set(rooms ${test_ROOMS})
  foreach(room IN LISTS test_ROOMS)
    get_property(rooms_behind GLOBAL PROPERTY TEKIO_ROOM_${room})
    list(APPEND rooms ${rooms_behind})
  endforeach()
  if("compute" IN_LIST rooms AND NOT test_EMULATED_CUDA)
    list(APPEND rooms cuda)
  endif()
  if("dist" IN_LIST rooms AND NOT test_EMULATED_CUDA)
    list(APPEND rooms nccl)
  endif()
  list(REMOVE_DUPLICATES rooms)
  foreach(room IN LISTS rooms)
    target_link_libraries(${target} PRIVATE tekio_${room})
  endforeach()
  target_link_libraries(${target} PRIVATE tekio_test_options GTest::gtest_main GTest::gmock ${test_LINKS})
  tekio_share_headers(${target})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(${target} PRIVATE TEKIO_GOLDEN_DIR="${PROJECT_SOURCE_DIR}/tests/golden")
  add_test(NAME ${name} COMMAND ${target})
  set_tests_properties(${name} PROPERTIES LABELS ${name} TIMEOUT 900)
endfunction()
