-- What pandoc has no words for in HTML and Typst: paragraphs in a named style, and an equation
-- with the number that \tag{n} gives it.

function Div(div)
  local style = div.attributes["custom-style"]
  if style == nil then return nil end
  if FORMAT == "typst" then
    local blocks = pandoc.List({pandoc.RawBlock("typst", '#styled("' .. style .. '")[')})
    blocks:extend(div.content)
    blocks:insert(pandoc.RawBlock("typst", "]"))
    return blocks
  end
  div.attributes["custom-style"] = nil
  div.classes:insert((style:lower():gsub(" ", "-")))
  return div
end

function Para(para)
  local math = para.content[1]
  if #para.content ~= 1 or math.t ~= "Math" or math.mathtype ~= "DisplayMath" then return nil end
  local text, number = math.text:match("^(.-)%s*\\tag{(%w+)}%s*$")
  local plain = pandoc.Math("DisplayMath", text or math.text)
  if FORMAT == "typst" then
    if number == nil then return nil end
    return pandoc.Para({
      pandoc.RawInline("typst", '#numbered("(' .. number .. ')")['), plain,
      pandoc.RawInline("typst", "]"),
    })
  end
  local parts = {pandoc.Span({plain}, {class = "formula"})}
  if number ~= nil then
    table.insert(parts, pandoc.Span({pandoc.Str("(" .. number .. ")")}, {class = "number"}))
  end
  return pandoc.Div({pandoc.Plain(parts)}, {class = "equation scroll"})
end

-- The contents stand before the first heading.
function Pandoc(doc)
  local title = pandoc.utils.stringify(doc.meta["contents-title"])
  for index, block in ipairs(doc.blocks) do
    if block.t == "Header" then
      local contents
      if FORMAT == "typst" then
        contents = pandoc.RawBlock("typst",
          "#outline(depth: 2, indent: 1.5em, title: [" .. title .. "])\n#pagebreak()")
      else
        contents = pandoc.Div({
          pandoc.RawBlock("html", "<nav><h2>" .. title .. "</h2>"),
          pandoc.structure.table_of_contents(doc, {toc_depth = 2}),
          pandoc.RawBlock("html", "</nav>"),
        })
      end
      doc.blocks:insert(index, contents)
      return doc
    end
  end
  return nil
end

function Table(table)
  if FORMAT == "typst" then return nil end
  return pandoc.Div({table}, {class = "scroll"})
end
