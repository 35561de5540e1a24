#include "ptx/op_table.h"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <unordered_map>

namespace cudasim {

#define I3264 "(.u32|.s32|.u64|.s64)"
#define INT "(.u16|.u32|.u64|.s16|.s32|.s64)"
#define SINT "(.s16|.s32|.s64)"
#define BITS "(.b16|.b32|.b64)"
#define ANY "(.b16|.b32|.b64|.u16|.u32|.u64|.s16|.s32|.s64|.f32|.f64)"
#define MEM "(.b8|.b16|.b32|.b64|.u8|.u16|.u32|.u64|.s8|.s16|.s32|.s64|.f32|.f64|.f16|.bf16|.f16x2|.bf16x2)"
#define RND "[.rn|.rz|.rm|.rp]"
#define RND1 "(.rn|.rz|.rm|.rp)"
#define FCMP "(.eq|.ne|.lt|.le|.gt|.ge|.equ|.neu|.ltu|.leu|.gtu|.geu|.num|.nan)"
#define ICMP "(.eq|.ne|.lt|.le|.gt|.ge|.lo|.ls|.hi|.hs)"
#define BOOLOP "[.and|.or|.xor]"
#define SEM "[.weak|.volatile|.relaxed|.acquire|.release|.acq_rel|.mmio]"
#define SCOPE "[.cta|.cluster|.gpu|.sys]"
#define SPACE "[.global|.shared|.shared::cta|.local|.param|.const]"
#define L2_SIZE "[.L2::64B|.L2::128B|.L2::256B]"
#define CACHE                     \
  "[.ca|.cg|.cs|.lu|.cv|.wb|.wt]" \
  "[.L1::evict_normal|.L1::evict_unchanged|.L1::evict_first|.L1::evict_last|.L1::no_allocate]" L2_SIZE
#define BSPACE "[.shared|.shared::cta]"
#define ASPACE "[.global|.shared|.shared::cta]"
#define WGMMA_SHAPE                                                                                  \
  "(.m64n8k16|.m64n16k16|.m64n24k16|.m64n32k16|.m64n40k16|.m64n48k16|.m64n56k16|.m64n64k16"          \
  "|.m64n72k16|.m64n80k16|.m64n88k16|.m64n96k16|.m64n104k16|.m64n112k16|.m64n120k16|.m64n128k16"     \
  "|.m64n136k16|.m64n144k16|.m64n152k16|.m64n160k16|.m64n168k16|.m64n176k16|.m64n184k16|.m64n192k16" \
  "|.m64n200k16|.m64n208k16|.m64n216k16|.m64n224k16|.m64n232k16|.m64n240k16|.m64n248k16|.m64n256k16)"

static const OpRow kRows[] = {
    // Integer arithmetic.
    {"add.sat.s32", "d a a", Op::kAdd, OpClass::kInt},
    {"add" INT, "d a a", Op::kAdd, OpClass::kInt},
    {"sub.sat.s32", "d a a", Op::kSub, OpClass::kInt},
    {"sub" INT, "d a a", Op::kSub, OpClass::kInt},
    {"mul.lo" INT, "d a a", Op::kMul, OpClass::kInt},
    {"mul.hi" INT, "d a a", Op::kMulHi, OpClass::kInt},
    {"mul.wide(.u16|.s16|.u32|.s32)", "w a a", Op::kMulWide, OpClass::kInt},
    {"mad.lo" INT, "d a a a", Op::kMad, OpClass::kInt},
    {"mad.hi.sat.s32", "d a a a", Op::kMadHi, OpClass::kInt},
    {"mad.hi" INT, "d a a a", Op::kMadHi, OpClass::kInt},
    {"mad.wide(.u16|.s16|.u32|.s32)", "w a a W", Op::kMadWide, OpClass::kInt},
    {"mul24(.lo|.hi)(.u32|.s32)", "d a a", Op::kMul24, OpClass::kInt},
    {"mad24(.lo|.hi)(.u32|.s32)", "d a a a", Op::kMad24, OpClass::kInt},
    {"sad" INT, "d a a a", Op::kSad, OpClass::kInt},
    {"div" INT, "d a a", Op::kDiv, OpClass::kInt},
    {"rem" INT, "d a a", Op::kRem, OpClass::kInt},
    {"abs" SINT, "d a", Op::kAbs, OpClass::kInt},
    {"neg" SINT, "d a", Op::kNeg, OpClass::kInt},
    {"min" INT, "d a a", Op::kMin, OpClass::kInt},
    {"max" INT, "d a a", Op::kMax, OpClass::kInt},
    {"add.cc" I3264, "d a a", Op::kAddCc, OpClass::kInt},
    {"addc[.cc]" I3264, "d a a", Op::kAddC, OpClass::kInt},
    {"sub.cc" I3264, "d a a", Op::kSubCc, OpClass::kInt},
    {"subc[.cc]" I3264, "d a a", Op::kSubC, OpClass::kInt},
    {"mad(.lo|.hi).cc" I3264, "d a a a", Op::kMadCc, OpClass::kInt},
    {"madc(.lo|.hi)[.cc]" I3264, "d a a a", Op::kMadC, OpClass::kInt},
    // Bits.
    {"and(.pred|.b16|.b32|.b64)", "d a a", Op::kAnd, OpClass::kInt},
    {"or(.pred|.b16|.b32|.b64)", "d a a", Op::kOr, OpClass::kInt},
    {"xor(.pred|.b16|.b32|.b64)", "d a a", Op::kXor, OpClass::kInt},
    {"not(.pred|.b16|.b32|.b64)", "d a", Op::kNot, OpClass::kInt},
    {"cnot" BITS, "d a", Op::kCnot, OpClass::kInt},
    {"shl" BITS, "d a u", Op::kShl, OpClass::kInt},
    {"shr(.b16|.b32|.b64|.u16|.u32|.u64|.s16|.s32|.s64)", "d a u", Op::kShr, OpClass::kInt},
    {"shf(.l|.r)(.wrap|.clamp).b32", "d a a u", Op::kShf, OpClass::kInt},
    {"lop3.b32", "d a a a i", Op::kLop3, OpClass::kInt},
    {"prmt.b32[.f4e|.b4e|.rc8|.ecl|.ecr|.rc16]", "d a a u", Op::kPrmt, OpClass::kInt},
    {"bfe" I3264, "d a u u", Op::kBfe, OpClass::kInt},
    {"bfi(.b32|.b64)", "d a a u u", Op::kBfi, OpClass::kInt},
    {"bfind[.shiftamt]" I3264, "p32 a", Op::kBfind, OpClass::kInt},
    {"popc(.b32|.b64)", "p32 a", Op::kPopc, OpClass::kInt},
    {"clz(.b32|.b64)", "p32 a", Op::kClz, OpClass::kInt},
    {"brev(.b32|.b64)", "d a", Op::kBrev, OpClass::kInt},
    {"bmsk(.clamp|.wrap).b32", "d a a", Op::kBmsk, OpClass::kInt},
    {"szext(.clamp|.wrap)(.u32|.s32)", "d a u", Op::kSzext, OpClass::kInt},
    {"dp4a(.u32|.s32)(.u32|.s32)", "p32 a x u", Op::kDp4a, OpClass::kInt},
    {"dp2a(.lo|.hi)(.u32|.s32)(.u32|.s32)", "p32 a x u", Op::kDp2a, OpClass::kInt},
    // f32 and f64.
    {"add" RND "[.ftz][.sat].f32", "d a a", Op::kAdd, OpClass::kFloat},
    {"sub" RND "[.ftz][.sat].f32", "d a a", Op::kSub, OpClass::kFloat},
    {"mul" RND "[.ftz][.sat].f32", "d a a", Op::kMul, OpClass::kFloat},
    {"fma" RND1 "[.ftz][.sat].f32", "d a a a", Op::kFma, OpClass::kFloat},
    {"mad" RND "[.ftz][.sat].f32", "d a a a", Op::kFma, OpClass::kFloat},
    {"div(.approx|.full|.rn|.rz|.rm|.rp)[.ftz].f32", "d a a", Op::kDiv, OpClass::kFloat},
    {"rcp(.approx|.rn|.rz|.rm|.rp)[.ftz].f32", "d a", Op::kRcp, OpClass::kSpecial},
    {"sqrt(.approx|.rn|.rz|.rm|.rp)[.ftz].f32", "d a", Op::kSqrt, OpClass::kSpecial},
    {"rsqrt.approx[.ftz](.f32|.f64)", "d a", Op::kRsqrt, OpClass::kSpecial},
    {"rcp.approx.ftz.f64", "d a", Op::kRcp, OpClass::kSpecial},
    {"sin.approx[.ftz].f32", "d a", Op::kSin, OpClass::kSpecial},
    {"cos.approx[.ftz].f32", "d a", Op::kCos, OpClass::kSpecial},
    {"lg2.approx[.ftz].f32", "d a", Op::kLg2, OpClass::kSpecial},
    {"ex2.approx[.ftz].f32", "d a", Op::kEx2, OpClass::kSpecial},
    {"ex2.approx.ftz(.bf16|.bf16x2)", "d a", Op::kEx2, OpClass::kSpecial},
    {"ex2.approx(.f16|.f16x2)", "d a", Op::kEx2, OpClass::kSpecial},
    {"tanh.approx(.f32|.f16|.f16x2|.bf16|.bf16x2)", "d a", Op::kTanh, OpClass::kSpecial},
    {"abs[.ftz].f32", "d a", Op::kAbs, OpClass::kFloat},
    {"neg[.ftz].f32", "d a", Op::kNeg, OpClass::kFloat},
    {"min[.ftz][.NaN].f32", "d a a", Op::kMin, OpClass::kFloat},
    {"min[.ftz][.NaN].xorsign.abs.f32", "d a a", Op::kMin, OpClass::kFloat},
    {"max[.ftz][.NaN].f32", "d a a", Op::kMax, OpClass::kFloat},
    {"max[.ftz][.NaN].xorsign.abs.f32", "d a a", Op::kMax, OpClass::kFloat},
    {"copysign(.f32|.f64)", "d a a", Op::kCopysign, OpClass::kFloat},
    {"testp(.finite|.infinite|.number|.notanumber|.normal|.subnormal)(.f32|.f64)", "p a", Op::kTestp,
     OpClass::kCompare},
    {"add" RND ".f64", "d a a", Op::kAdd, OpClass::kDouble},
    {"sub" RND ".f64", "d a a", Op::kSub, OpClass::kDouble},
    {"mul" RND ".f64", "d a a", Op::kMul, OpClass::kDouble},
    {"fma" RND1 ".f64", "d a a a", Op::kFma, OpClass::kDouble},
    {"mad" RND1 ".f64", "d a a a", Op::kFma, OpClass::kDouble},
    {"div" RND1 ".f64", "d a a", Op::kDiv, OpClass::kDouble},
    {"rcp" RND1 ".f64", "d a", Op::kRcp, OpClass::kDouble},
    {"sqrt" RND1 ".f64", "d a", Op::kSqrt, OpClass::kDouble},
    {"abs.f64", "d a", Op::kAbs, OpClass::kDouble},
    {"neg.f64", "d a", Op::kNeg, OpClass::kDouble},
    {"min.f64", "d a a", Op::kMin, OpClass::kDouble},
    {"max.f64", "d a a", Op::kMax, OpClass::kDouble},
    // Half precision.
    {"add[.rn][.ftz][.sat](.f16|.f16x2)", "d a a", Op::kAdd, OpClass::kHalf},
    {"sub[.rn][.ftz][.sat](.f16|.f16x2)", "d a a", Op::kSub, OpClass::kHalf},
    {"mul[.rn][.ftz][.sat](.f16|.f16x2)", "d a a", Op::kMul, OpClass::kHalf},
    {"add[.rn](.bf16|.bf16x2)", "d a a", Op::kAdd, OpClass::kHalf},
    {"sub[.rn](.bf16|.bf16x2)", "d a a", Op::kSub, OpClass::kHalf},
    {"mul[.rn](.bf16|.bf16x2)", "d a a", Op::kMul, OpClass::kHalf},
    {"fma.rn[.ftz][.sat](.f16|.f16x2)", "d a a a", Op::kFma, OpClass::kHalf},
    {"fma.rn[.ftz][.relu](.f16|.f16x2)", "d a a a", Op::kFma, OpClass::kHalf},
    {"fma.rn[.relu](.bf16|.bf16x2)", "d a a a", Op::kFma, OpClass::kHalf},
    {"abs[.ftz](.f16|.f16x2)", "d a", Op::kAbs, OpClass::kHalf},
    {"neg[.ftz](.f16|.f16x2)", "d a", Op::kNeg, OpClass::kHalf},
    {"abs(.bf16|.bf16x2)", "d a", Op::kAbs, OpClass::kHalf},
    {"neg(.bf16|.bf16x2)", "d a", Op::kNeg, OpClass::kHalf},
    {"min[.ftz][.NaN](.f16|.f16x2)", "d a a", Op::kMin, OpClass::kHalf},
    {"min[.ftz][.NaN].xorsign.abs(.f16|.f16x2)", "d a a", Op::kMin, OpClass::kHalf},
    {"min[.NaN](.bf16|.bf16x2)", "d a a", Op::kMin, OpClass::kHalf},
    {"min[.NaN].xorsign.abs(.bf16|.bf16x2)", "d a a", Op::kMin, OpClass::kHalf},
    {"max[.ftz][.NaN](.f16|.f16x2)", "d a a", Op::kMax, OpClass::kHalf},
    {"max[.ftz][.NaN].xorsign.abs(.f16|.f16x2)", "d a a", Op::kMax, OpClass::kHalf},
    {"max[.NaN](.bf16|.bf16x2)", "d a a", Op::kMax, OpClass::kHalf},
    {"max[.NaN].xorsign.abs(.bf16|.bf16x2)", "d a a", Op::kMax, OpClass::kHalf},
    // Comparison and selection.
    {"setp(.eq|.ne)" BOOLOP BITS, "p|p a a ?q", Op::kSetp, OpClass::kCompare},
    {"setp" ICMP BOOLOP INT, "p|p a a ?q", Op::kSetp, OpClass::kCompare},
    {"setp" FCMP BOOLOP "[.ftz](.f32|.f64|.f16|.bf16|.f16x2|.bf16x2)", "p|p a a ?q", Op::kSetp, OpClass::kCompare},
    {"set(.eq|.ne)" BOOLOP "(.u32|.s32|.f32)" BITS, "d x x ?q", Op::kSet, OpClass::kCompare},
    {"set" ICMP BOOLOP "(.u32|.s32|.f32)" INT, "d x x ?q", Op::kSet, OpClass::kCompare},
    {"set" FCMP BOOLOP
     "[.ftz](.u32|.s32|.f32|.u16|.s16|.f16|.bf16|.f16x2|.bf16x2)(.f32|.f64|.f16|.bf16|.f16x2|.bf16x2)",
     "d x x ?q", Op::kSet, OpClass::kCompare},
    {"selp" ANY, "d a a q", Op::kSelp, OpClass::kMove},
    {"slct[.ftz]" ANY "(.s32|.f32)", "d a a x", Op::kSlct, OpClass::kMove},
    // Moves and conversions.
    {"mov(.b16|.b32|.b64|.u16|.u32|.u64|.s16|.s32|.s64|.f32|.f64|.f16|.bf16|.pred)", "O O", Op::kMov, OpClass::kMove},
    {"cvta.to(.global|.shared|.local|.const|.param).u64", "d a", Op::kCvta, OpClass::kMove},
    {"cvta(.global|.shared|.local|.const|.param).u64", "d a", Op::kCvta, OpClass::kMove},
    {"isspacep(.global|.shared|.shared::cta|.local|.const|.param)", "p A", Op::kIsspacep, OpClass::kMove},
    {"cvt(.rn|.rz)[.relu](.f16x2|.bf16x2).f32", "d x x", Op::kCvtPack2, OpClass::kConvert},
    {"cvt.rna.tf32.f32", "d x", Op::kCvt, OpClass::kConvert},
    {"cvt[.rn|.rz|.rm|.rp|.rni|.rzi|.rmi|.rpi][.ftz][.relu][.sat]"
     "(.u8|.u16|.u32|.u64|.s8|.s16|.s32|.s64|.f16|.bf16|.f32|.f64)(.u8|.u16|.u32|.u64|.s8|.s16|.s32|.s64|.f16|.bf16|."
     "f32|.f64)",
     "D Y", Op::kCvt, OpClass::kConvert},
    // Memory.
    {"ld" SEM SCOPE SPACE CACHE "[.v2|.v4]" MEM, "D m", Op::kLd, OpClass::kGlobal},
    {"ld.global" CACHE ".nc[.L1::evict_normal|.L1::evict_last|.L1::evict_first|.L1::no_allocate]" L2_SIZE
     "[.v2|.v4]" MEM,
     "D m", Op::kLd, OpClass::kGlobal},
    {"ldu[.global][.v2|.v4]" MEM, "D m", Op::kLd, OpClass::kGlobal},
    {"st" SEM SCOPE "[.global|.shared|.shared::cta|.local|.param]" CACHE "[.v2|.v4]" MEM, "m S", Op::kSt,
     OpClass::kGlobal},
    {"prefetch[.global|.local](.L1|.L2)", "m", Op::kPrefetch, OpClass::kMove},
    {"prefetch.global(.L2::evict_last|.L2::evict_normal)", "m", Op::kPrefetch, OpClass::kMove},
    {"prefetchu.L1", "m", Op::kPrefetch, OpClass::kMove},
    {"prefetch.tensormap", "m", Op::kMapPrefetch, OpClass::kMove},
    {"atom[.relaxed|.acquire|.release|.acq_rel]" SCOPE ASPACE ".add(.u32|.s32|.u64|.f32|.f64)", "d m a", Op::kAtom,
     OpClass::kAtomic},
    {"atom[.relaxed|.acquire|.release|.acq_rel]" SCOPE ASPACE ".add.noftz(.f16|.bf16|.f16x2|.bf16x2)", "d m a",
     Op::kAtom, OpClass::kAtomic},
    {"atom[.relaxed|.acquire|.release|.acq_rel]" SCOPE ASPACE "(.min|.max)(.u32|.s32|.u64|.s64)", "d m a", Op::kAtom,
     OpClass::kAtomic},
    {"atom[.relaxed|.acquire|.release|.acq_rel]" SCOPE ASPACE "(.and|.or|.xor|.exch)(.b32|.b64)", "d m a", Op::kAtom,
     OpClass::kAtomic},
    {"atom[.relaxed|.acquire|.release|.acq_rel]" SCOPE ASPACE "(.inc|.dec).u32", "d m a", Op::kAtom, OpClass::kAtomic},
    {"atom[.relaxed|.acquire|.release|.acq_rel]" SCOPE ASPACE ".cas(.b16|.b32|.b64)", "d m a a", Op::kAtom,
     OpClass::kAtomic},
    // As CUDA's cooperative groups write it.
    {"atom.add(.relaxed|.acquire|.release|.acq_rel)(.cta|.gpu|.sys)(.u32|.s32|.u64)", "d m a", Op::kAtom,
     OpClass::kAtomic},
    {"red[.relaxed|.release]" SCOPE ASPACE ".add(.u32|.s32|.u64|.f32|.f64)", "m a", Op::kRed, OpClass::kAtomic},
    {"red[.relaxed|.release]" SCOPE ASPACE ".add.noftz(.f16|.bf16|.f16x2|.bf16x2)", "m a", Op::kRed, OpClass::kAtomic},
    {"red[.relaxed|.release]" SCOPE ASPACE "(.min|.max)(.u32|.s32|.u64|.s64)", "m a", Op::kRed, OpClass::kAtomic},
    {"red[.relaxed|.release]" SCOPE ASPACE "(.and|.or|.xor)(.b32|.b64)", "m a", Op::kRed, OpClass::kAtomic},
    {"red[.relaxed|.release]" SCOPE ASPACE "(.inc|.dec).u32", "m a", Op::kRed, OpClass::kAtomic},
    // Asynchronous copies.
    {"cp.async(.ca|.cg)(.shared|.shared::cta).global" L2_SIZE, "m m i ?u", Op::kCpAsync, OpClass::kAsync},
    {"cp.async.commit_group", "", Op::kCpAsyncCommit, OpClass::kAsync},
    {"cp.async.wait_group", "i", Op::kCpAsyncWait, OpClass::kAsync},
    {"cp.async.wait_all", "", Op::kCpAsyncWaitAll, OpClass::kAsync},
    // The bulk copy engine.
    {"cp.async.bulk.tensor.2d.shared::cluster.global[.tile].mbarrier::complete_tx::bytes", "m t m", Op::kTensorLoad,
     OpClass::kAsync},
    {"cp.async.bulk.tensor.2d.global.shared::cta[.tile].bulk_group", "t m", Op::kTensorStore, OpClass::kAsync},
    {"cp.reduce.async.bulk.tensor.2d.global.shared::cta.add[.tile].bulk_group", "t m", Op::kTensorStore,
     OpClass::kAsync},
    {"cp.async.bulk.commit_group", "", Op::kBulkCommit, OpClass::kAsync},
    {"cp.async.bulk.wait_group[.read]", "i", Op::kBulkWait, OpClass::kAsync},
    // Matrix.
    {"ldmatrix.sync.aligned.m8n8(.x1|.x2|.x4)[.trans](.shared|.shared::cta).b16", "r m", Op::kLdmatrix,
     OpClass::kMatrix},
    {"stmatrix.sync.aligned.m8n8(.x1|.x2|.x4)[.trans](.shared|.shared::cta).b16", "m r", Op::kStmatrix,
     OpClass::kMatrix},
    {"movmatrix.sync.aligned.m8n8.trans.b16", "p32 u", Op::kMovmatrix, OpClass::kMatrix},
    {"mma.sync.aligned(.m16n8k16|.m16n8k8).row.col.f32.f16.f16.f32", "r r r r", Op::kMma, OpClass::kMatrix},
    {"mma.sync.aligned(.m16n8k16|.m16n8k8).row.col.f32.bf16.bf16.f32", "r r r r", Op::kMma, OpClass::kMatrix},
    {"mma.sync.aligned(.m16n8k16|.m16n8k8).row.col.f16.f16.f16.f16", "r r r r", Op::kMma, OpClass::kMatrix},
    {"mma.sync.aligned(.m16n8k8|.m16n8k4).row.col.f32.tf32.tf32.f32", "r r r r", Op::kMma, OpClass::kMatrix},
    {"wgmma.mma_async.sync.aligned" WGMMA_SHAPE ".f32.f16.f16", "r U U q i i i i", Op::kWgmma, OpClass::kMatrix},
    {"wgmma.mma_async.sync.aligned" WGMMA_SHAPE ".f32.bf16.bf16", "r U U q i i i i", Op::kWgmma, OpClass::kMatrix},
    {"wgmma.fence.sync.aligned", "", Op::kWgmmaFence, OpClass::kSync},
    {"wgmma.commit_group.sync.aligned", "", Op::kWgmmaCommit, OpClass::kSync},
    {"wgmma.wait_group.sync.aligned", "i", Op::kWgmmaWait, OpClass::kSync},
    // Warp.
    {"shfl.sync(.up|.down|.bfly|.idx).b32", "d|p a u u u", Op::kShfl, OpClass::kWarp},
    {"vote.sync(.all|.any|.uni).pred", "p q u", Op::kVote, OpClass::kWarp},
    {"vote.sync.ballot.b32", "d q u", Op::kVote, OpClass::kWarp},
    {"vote(.all|.any|.uni).sync.pred", "p q u", Op::kVote, OpClass::kWarp},
    {"vote.ballot.sync.b32", "d q u", Op::kVote, OpClass::kWarp},
    {"match.any.sync(.b32|.b64)", "p32 a u", Op::kMatch, OpClass::kWarp},
    {"match.all.sync(.b32|.b64)", "p32|p a u", Op::kMatch, OpClass::kWarp},
    {"redux.sync(.add|.min|.max)(.u32|.s32)", "d a u", Op::kRedux, OpClass::kWarp},
    {"redux.sync(.and|.or|.xor).b32", "d a u", Op::kRedux, OpClass::kWarp},
    {"activemask.b32", "d", Op::kActivemask, OpClass::kWarp},
    // Synchronisation.
    {"bar.warp.sync", "u", Op::kBarWarp, OpClass::kSync},
    {"bar[.cta].sync", "u ?u", Op::kBar, OpClass::kSync},
    {"bar[.cta].arrive", "u u", Op::kBarArrive, OpClass::kSync},
    {"bar[.cta].red.popc.u32", "d u ?u q", Op::kBarRed, OpClass::kSync},
    {"bar[.cta].red(.and|.or).pred", "p u ?u q", Op::kBarRed, OpClass::kSync},
    {"barrier[.cta].sync[.aligned]", "u ?u", Op::kBar, OpClass::kSync},
    {"barrier[.cta].arrive[.aligned]", "u u", Op::kBarArrive, OpClass::kSync},
    {"barrier[.cta].red.popc[.aligned].u32", "d u ?u q", Op::kBarRed, OpClass::kSync},
    {"barrier[.cta].red(.and|.or)[.aligned].pred", "p u ?u q", Op::kBarRed, OpClass::kSync},
    {"membar(.cta|.gl|.sys)", "", Op::kFence, OpClass::kSync},
    {"fence[.sc|.acq_rel|.acquire|.release](.cta|.cluster|.gpu|.sys)", "", Op::kFence, OpClass::kSync},
    {"fence.proxy.async[.global|.shared::cta]", "", Op::kProxyFence, OpClass::kSync},
    {"fence.mbarrier_init.release.cluster", "", Op::kMbarInitFence, OpClass::kSync},
    {"mbarrier.init" BSPACE ".b64", "m u", Op::kMbarInit, OpClass::kSync},
    {"mbarrier.inval" BSPACE ".b64", "m", Op::kMbarInval, OpClass::kSync},
    {"mbarrier(.arrive|.arrive_drop)[.release|.relaxed][.cta|.cluster]" BSPACE ".b64", "d m ?u", Op::kMbarArrive,
     OpClass::kSync},
    {"mbarrier(.arrive|.arrive_drop).noComplete[.release][.cta]" BSPACE ".b64", "d m u", Op::kMbarArrive,
     OpClass::kSync},
    {"mbarrier.arrive.expect_tx[.release|.relaxed][.cta|.cluster]" BSPACE ".b64", "d m u", Op::kMbarArrive,
     OpClass::kSync},
    {"mbarrier.test_wait[.acquire|.relaxed][.cta|.cluster]" BSPACE ".b64", "p m a", Op::kMbarWait, OpClass::kSync},
    {"mbarrier.test_wait.parity[.acquire|.relaxed][.cta|.cluster]" BSPACE ".b64", "p m u", Op::kMbarWait,
     OpClass::kSync},
    {"mbarrier.try_wait[.acquire|.relaxed][.cta|.cluster]" BSPACE ".b64", "p m a ?u", Op::kMbarWait, OpClass::kSync},
    {"mbarrier.try_wait.parity[.acquire|.relaxed][.cta|.cluster]" BSPACE ".b64", "p m u ?u", Op::kMbarWait,
     OpClass::kSync},
    {"mbarrier.pending_count.b64", "p32 a", Op::kMbarPending, OpClass::kSync},
    {"setmaxnreg(.inc|.dec).sync.aligned.u32", "i", Op::kMaxRegisters, OpClass::kControl},
    // Control.
    {"bra[.uni]", "l", Op::kBra, OpClass::kControl},
    {"brx.idx[.uni]", "u l", Op::kBrx, OpClass::kControl},
    {"call[.uni]", "call", Op::kCall, OpClass::kControl},
    {"ret[.uni]", "", Op::kRet, OpClass::kControl},
    {"exit", "", Op::kExit, OpClass::kControl},
    {"trap", "", Op::kTrap, OpClass::kControl},
    {"brkpt", "", Op::kTrap, OpClass::kControl},
    {"nanosleep.u32", "u", Op::kNop, OpClass::kControl},
    {"pmevent", "i", Op::kNop, OpClass::kControl},
};

const char* op_class_name(OpClass c) {
  static const char* const names[] = {"int",     "float",   "half",   "double", "convert", "move",
                                      "compare", "control", "warp",   "sync",   "global",  "shared",
                                      "local",   "param",   "atomic", "async",  "matrix",  "special"};
  return names[unsigned(c)];
}

bool find_mod(std::string_view word, Mod* out) {
  static const auto map = [] {
    std::unordered_map<std::string_view, Mod> m;
    for (unsigned i = 0; i < unsigned(Mod::kCount); ++i) m[mod_name(Mod(i))] = Mod(i);
    return m;
  }();
  auto it = map.find(word);
  if (it == map.end()) return false;
  *out = it->second;
  return true;
}

static OpForm take_apart(const OpRow& row) {
  OpForm form;
  form.row = &row;
  const char* s = row.pattern;
  while (*s && *s != '.' && *s != '[' && *s != '(') form.opcode += *s++;
  while (*s) {
    ModGroup g;
    const char close = *s == '[' ? ']' : *s == '(' ? ')' : '\0';
    g.optional = *s == '[';
    if (close) ++s;
    do {
      ++s;  // the dot, or the bar after a previous word
      if (*s == '.') ++s;
      std::string word;
      while (*s && *s != '|' && *s != '.' && *s != '[' && *s != '(' && *s != ']' && *s != ')') word += *s++;
      Mod m;
      if (type_from_name(word) == Type::kNone && !find_mod(word, &m)) {
        std::fprintf(stderr, "cudasim: the opcode table row '%s' has the word '%s', which ptx/types.h does not list.\n",
                     row.pattern, word.c_str());
        std::abort();
      }
      g.words.push_back(word);
    } while (close && *s == '|');
    if (close && *s == close) ++s;
    form.groups.push_back(std::move(g));
  }
  return form;
}

const std::vector<OpForm>& op_forms() {
  static const auto forms = [] {
    std::vector<OpForm> out;
    for (const OpRow& row : kRows) out.push_back(take_apart(row));
    return out;
  }();
  return forms;
}

static const std::unordered_map<std::string_view, std::vector<const OpForm*>>& by_opcode() {
  static const auto map = [] {
    std::unordered_map<std::string_view, std::vector<const OpForm*>> m;
    for (const OpForm& f : op_forms()) m[f.opcode].push_back(&f);
    return m;
  }();
  return map;
}

bool opcode_known(std::string_view opcode) {
  return by_opcode().count(opcode) != 0;
}

static bool fits(const OpForm& f, size_t g, const std::vector<std::string_view>& words, size_t w) {
  if (g == f.groups.size()) return w == words.size();
  const ModGroup& group = f.groups[g];
  if (w < words.size())
    for (const std::string& word : group.words)
      if (words[w] == word && fits(f, g + 1, words, w + 1)) return true;
  return group.optional && fits(f, g + 1, words, w);
}

const OpForm* match_form(std::string_view opcode, const std::vector<std::string_view>& words) {
  auto it = by_opcode().find(opcode);
  if (it == by_opcode().end()) return nullptr;
  for (const OpForm* f : it->second)
    if (fits(*f, 0, words, 0)) return f;
  return nullptr;
}

std::vector<std::string> expand_form(const OpForm& form) {
  std::vector<std::string> out = {form.opcode};
  for (const ModGroup& g : form.groups) {
    std::vector<std::string> next;
    for (const std::string& head : out) {
      if (g.optional) next.push_back(head);
      for (const std::string& w : g.words) next.push_back(head + "." + w);
    }
    out = std::move(next);
  }
  return out;
}

}  // namespace cudasim
