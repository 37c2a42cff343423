// The thread of the window into a node. It works on nothing of the node's.
import { Board } from './board.ts'
import { Routes } from './routes.ts'
import { runThread } from './thread.ts'

runThread(
  (clocks) => new Board(clocks),
  (board, about) => {
    const routes = new Routes(board, about)
    return (path, query) => routes.answer(path, query)
  },
)
