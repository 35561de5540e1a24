// The groups of conformance cases; each covers rows of the opcode table.
#pragma once
namespace conformance {

void lanewise_cases();  // instructions whose lanes do not meet
void carry_cases();     // add.cc, addc and their kin
void move_cases();      // mov of vectors, special registers, cvta, isspacep
void memory_cases();    // ld, st, prefetch
void atomic_cases();    // atom, red
void copy_cases();      // cp.async
void warp_cases();      // shfl, vote, match, redux, activemask
void matrix_cases();    // ldmatrix, stmatrix, movmatrix, mma
void mbarrier_cases();  // mbarrier
void hopper_cases();    // tensor copies, wgmma, setmaxnreg
void control_cases();   // branches, calls, barriers, fences
void refusal_cases();   // what must be refused, by name

}  // namespace conformance
