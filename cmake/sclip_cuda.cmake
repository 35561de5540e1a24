# Decides SCLIP_WITH_CUDA and defines sclip_nvcc, the options of every .cu file.
#
# SCLIP_CUDA_ARCHITECTURES   what the kernels are compiled for. Any device newer than all of them compiles the PTX of
#                            compute_80 when it first meets a kernel. `cmake --preset cuda` builds for every device.
set(SCLIP_CUDA_ARCHITECTURES "80" CACHE STRING "CUDA architectures, as in CMAKE_CUDA_ARCHITECTURES")
set(SCLIP_WITH_CUDA OFF)
if(SCLIP_CUDA STREQUAL "OFF")
  return()
endif()
if(SCLIP_CUDA STREQUAL "AUTO" AND SCLIP_SANITIZE)
  message(STATUS "CUDA: left out of builds with sanitizers; cudasim checks the kernels")
  return()
endif()

find_program(SCLIP_NVCC nvcc HINTS ${CUDAToolkit_ROOT}/bin $ENV{CUDA_HOME}/bin /usr/local/cuda/bin)
if(NOT SCLIP_NVCC)
  if(NOT SCLIP_CUDA STREQUAL "AUTO")
    message(FATAL_ERROR "SCLIP_CUDA=ON, but there is no nvcc: install the CUDA Toolkit 12 or newer and set CUDAToolkit_ROOT")
  endif()
  message(STATUS "CUDA: no nvcc found, building for the CPU only")
  return()
endif()
set(CMAKE_CUDA_COMPILER ${SCLIP_NVCC})
set(CMAKE_CUDA_ARCHITECTURES ${SCLIP_CUDA_ARCHITECTURES})
set(CMAKE_CUDA_RUNTIME_LIBRARY Shared)  # cudasim stands in for the shared one
enable_language(CUDA)
if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 12)
  message(FATAL_ERROR "nvcc ${CMAKE_CUDA_COMPILER_VERSION} is too old: CUDA 12 or newer is needed, or SCLIP_CUDA=OFF")
endif()
if(NOT DEFINED CMAKE_CUDA20_STANDARD_COMPILE_OPTION)  # CMake 3.25 does not know that nvcc 12 has it
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
  set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
endif()
set(CMAKE_CUDA_STANDARD 20)
set(CMAKE_CUDA_STANDARD_REQUIRED ON)
find_package(CUDAToolkit REQUIRED)
set(SCLIP_WITH_CUDA ON)

add_library(sclip_nvcc INTERFACE)
# --resource-usage would print on every build; tests/python/test_cuda_machine_code.py asks for it.
target_compile_options(sclip_nvcc INTERFACE -lineinfo "SHELL:-Xcompiler -Wall,-Wextra")
if(SCLIP_WERROR)
  target_compile_options(sclip_nvcc INTERFACE "SHELL:-Werror all-warnings")
endif()
