# Compile and link options of every target of the project: link to `sclip_options`.
add_library(sclip_options INTERFACE)
target_include_directories(sclip_options INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/include)
set(warnings -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  list(APPEND warnings -Wno-restrict)  # false alarms on std::string (GCC bug 105651)
endif()
if(SCLIP_WERROR)
  list(APPEND warnings -Werror)
endif()
# nvcc's own options are in sclip_cuda.cmake.
target_compile_options(sclip_options INTERFACE "$<$<COMPILE_LANGUAGE:C,CXX>:${warnings};-fno-math-errno>")
if(SCLIP_SANITIZE)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(sclip_options INTERFACE -Wno-maybe-uninitialized)  # false alarms in instrumented code
  endif()
  target_compile_options(sclip_options INTERFACE -fsanitize=${SCLIP_SANITIZE} -fno-omit-frame-pointer
                                                 -fno-sanitize-recover=all)
  target_link_options(sclip_options INTERFACE -fsanitize=${SCLIP_SANITIZE})
endif()

# Says that targets compute little. With sanitizers their compiler's time counts more than their own: no optimisation.
function(sclip_computes_little)
  if(SCLIP_SANITIZE)
    foreach(target IN LISTS ARGN)
      target_compile_options(${target} PRIVATE -O0)
    endforeach()
  endif()
endfunction()
