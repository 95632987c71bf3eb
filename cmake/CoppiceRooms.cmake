# Compiler settings that hold everywhere, and `coppice_room`, which makes one library of one room of src/.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

find_program(CCACHE ccache)
if(CCACHE)
  # Sloppiness lets ccache work with precompiled headers; the base folder lets two clones share a cache.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE})
  add_compile_options($<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
endif()

find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)

# Warnings are errors in our own code; a target opts in by linking this.
add_library(coppice_flags INTERFACE)
target_compile_options(coppice_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wcast-align -Wunused -Woverloaded-virtual -Wno-missing-field-initializers -Werror
  # g++ 12 reports these falsely inside the standard library at -O2.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread -Wno-maybe-uninitialized>)
target_include_directories(coppice_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)

# coppice_room(NAME [LINKS lib...]): the library coppice_NAME of all sources below src/NAME. Rooms that it may
# include from are among LINKS; anything else from another room fails to link, and tests/base/rooms_test fails.
function(coppice_room name)
  cmake_parse_arguments(ROOM "" "" "LINKS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cpp)
  if(NOT sources)
    add_library(coppice_${name} INTERFACE)
    target_link_libraries(coppice_${name} INTERFACE coppice_flags ${ROOM_LINKS})
    return()
  endif()
  add_library(coppice_${name} STATIC ${sources})
  target_link_libraries(coppice_${name} PUBLIC coppice_flags ${ROOM_LINKS})
endfunction()
